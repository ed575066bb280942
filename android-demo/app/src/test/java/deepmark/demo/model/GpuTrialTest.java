package deepmark.demo.model;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;

import deepmark.demo.DemoApp;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.engine.Frame;
import deepmark.demo.engine.Way;
import deepmark.demo.settings.Settings;
import deepmark.demo.settings.SettingsStore;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.nio.ByteBuffer;

/** A driver that ends the app while it opens a model is not asked again. */
@RunWith(RobolectricTestRunner.class)
public final class GpuTrialTest {
    private final DemoApp app = (DemoApp) RuntimeEnvironment.getApplication();

    private static Way gpu(Compute compute) {
        return Way.ofCpu(Precision.FP32, 3).on(compute, Storage.IMAGE);
    }

    private void choose(Way way) {
        new SettingsStore(app, name -> "").write(Settings.fresh(4).withWay(way));
    }

    @Test
    public void theCpuComputesAfterAGpuEndedTheApp() {
        choose(gpu(Compute.OPENCL));
        new GpuTrial(app).begin(gpu(Compute.OPENCL));
        assertEquals(Way.ofCpu(Precision.FP32, 3), app.settings().read().way());
        assertTrue(app.gpuWasFatal());
        assertEquals("it is told once", "", new GpuTrial(app).fatal());
    }

    @Test
    public void aGpuThatCameBackStaysChosen() {
        choose(gpu(Compute.VULKAN));
        new GpuTrial(app).begin(gpu(Compute.VULKAN)).end();
        assertEquals(gpu(Compute.VULKAN), app.settings().read().way());
        assertFalse(app.gpuWasFatal());
    }

    /** As a self-test of the other precision, or a search, may be the one. */
    @Test
    public void theWayThatWasChosenStaysWhereAnotherEndedTheApp() {
        choose(gpu(Compute.OPENCL));
        new GpuTrial(app).begin(gpu(Compute.OPENCL).with(Precision.FP16));
        assertEquals(gpu(Compute.OPENCL), app.settings().read().way());
        assertFalse(app.gpuWasFatal());
    }

    @Test
    public void theCpuLeavesNoMark() {
        new GpuTrial(app).begin(gpu(Compute.CPU));
        assertEquals("", new GpuTrial(app).fatal());
    }

    @Test
    public void theMarkStandsUntilTheLastOfTwoHasItsSession() {
        GpuTrial trial = new GpuTrial(app);
        GpuTrial.Mark one = trial.begin(gpu(Compute.OPENCL));
        GpuTrial.Mark other = trial.begin(gpu(Compute.OPENCL));
        one.end();
        one.end();
        assertTrue(marked());
        other.end();
        assertFalse(marked());
    }

    @Test
    public void theCpuTakesNoMarkOfAGpuAway() {
        GpuTrial trial = new GpuTrial(app);
        trial.begin(gpu(Compute.OPENCL));
        trial.begin(gpu(Compute.CPU)).end();
        assertEquals("opencl image high", new GpuTrial(app).fatal());
    }

    /** Tell whether the mark stands while a picture of some shape is analysed. */
    private boolean isMarked(ShapeTrials shapes, int width, int height) throws EngineException {
        return shapes.run(width, height, () -> marked());
    }

    private boolean marked() {
        return !app.getSharedPreferences("gpu-trial", Context.MODE_PRIVATE).getAll().isEmpty();
    }

    @Test
    public void theFirstPictureOfEachShapeIsMarked() throws EngineException {
        ShapeTrials shapes = new ShapeTrials(new GpuTrial(app), gpu(Compute.OPENCL));
        assertTrue(isMarked(shapes, 480, 640));
        assertFalse("it is over", marked());
        assertFalse("its session is there", isMarked(shapes, 480, 640));
        assertTrue("lying", isMarked(shapes, 640, 480));
        assertFalse(isMarked(shapes, 480, 640));
        assertTrue("a third, in the place of the second", isMarked(shapes, 500, 500));
        assertFalse(isMarked(shapes, 480, 640));
        assertTrue("the second's session was given away", isMarked(shapes, 640, 480));
    }

    @Test
    public void aShapeThatFailsIsNotReadyAndLeavesNoMark() throws EngineException {
        ShapeTrials shapes = new ShapeTrials(new GpuTrial(app), gpu(Compute.VULKAN));
        isMarked(shapes, 1, 1);
        isMarked(shapes, 2, 2);
        ShapeTrials.Work<Boolean> fails =
                () -> {
                    throw new IllegalStateException("no memory");
                };
        assertThrows(IllegalStateException.class, () -> shapes.run(3, 4, fails));
        assertFalse(marked());
        assertTrue("the engine gave the oldest away for it", isMarked(shapes, 1, 1));
        assertTrue(isMarked(shapes, 3, 4));
    }

    @Test
    public void noPictureOfTheCpuIsMarked() throws EngineException {
        assertFalse(isMarked(new ShapeTrials(new GpuTrial(app), gpu(Compute.CPU)), 480, 640));
    }

    @Test
    public void aFramesShapeIsThatOfTheUprightPicture() {
        Frame.Plane plane = new Frame.Plane(ByteBuffer.allocate(1), 1, 1);
        Frame lying = new Frame(plane, plane, plane, 10, 20, 650, 500, 90, false, true);
        assertEquals(480, lying.uprightWidth());
        assertEquals(640, lying.uprightHeight());
        Frame upright = new Frame(plane, plane, plane, 10, 20, 650, 500, 180, false, true);
        assertEquals(640, upright.uprightWidth());
        assertEquals(480, upright.uprightHeight());
    }

    @Test
    public void aSelfTestTellsWhereAGpusOperatorsRan() {
        String placement = "112 of 112 operators on Mali-G76 (OpenCL, IMAGE)";
        String end = "{\"event\":\"end\",\"gpu\":{\"placement\":\"" + placement + "\"}}";
        assertEquals(placement, SelfTest.placement(end));
        assertEquals("", SelfTest.placement("{\"event\":\"end\",\"gpu\":null}"));
    }
}
