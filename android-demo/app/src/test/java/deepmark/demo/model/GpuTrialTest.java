package deepmark.demo.model;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;

import deepmark.demo.DemoApp;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.Frame;
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

    private void choose(Compute compute) {
        SettingsStore store = new SettingsStore(app);
        store.write(Settings.fresh(4).withCompute(compute));
    }

    @Test
    public void theCpuComputesAfterAGpuEndedTheApp() {
        choose(Compute.OPENCL);
        new GpuTrial(app).begin(Compute.OPENCL);
        assertEquals(Compute.CPU, app.settings().read().compute());
        assertTrue(app.gpuWasFatal());
        assertFalse("it is told once", new GpuTrial(app).wasFatal());
    }

    @Test
    public void aGpuThatCameBackStaysChosen() {
        choose(Compute.VULKAN);
        GpuTrial trial = new GpuTrial(app);
        trial.begin(Compute.VULKAN);
        trial.end(Compute.VULKAN);
        assertEquals(Compute.VULKAN, app.settings().read().compute());
        assertFalse(app.gpuWasFatal());
    }

    @Test
    public void theCpuLeavesNoMark() {
        new GpuTrial(app).begin(Compute.CPU);
        assertFalse(new GpuTrial(app).wasFatal());
    }

    @Test
    public void theMarkStandsUntilTheLastOfTwoHasItsSession() {
        GpuTrial trial = new GpuTrial(app);
        trial.begin(Compute.OPENCL);
        trial.begin(Compute.OPENCL);
        trial.end(Compute.OPENCL);
        assertTrue(new GpuTrial(app).wasFatal());
    }

    @Test
    public void theCpuTakesNoMarkOfAGpuAway() {
        GpuTrial trial = new GpuTrial(app);
        trial.begin(Compute.OPENCL);
        trial.begin(Compute.CPU);
        trial.end(Compute.CPU);
        assertTrue(new GpuTrial(app).wasFatal());
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
        ShapeTrials shapes = new ShapeTrials(new GpuTrial(app), Compute.OPENCL);
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
        ShapeTrials shapes = new ShapeTrials(new GpuTrial(app), Compute.VULKAN);
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
        assertFalse(isMarked(new ShapeTrials(new GpuTrial(app), Compute.CPU), 480, 640));
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
