package deepmark.demo.model;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import deepmark.demo.DemoApp;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.settings.Settings;
import deepmark.demo.settings.SettingsStore;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

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
        trial.end();
        assertEquals(Compute.VULKAN, app.settings().read().compute());
        assertFalse(app.gpuWasFatal());
    }

    @Test
    public void theCpuLeavesNoMark() {
        new GpuTrial(app).begin(Compute.CPU);
        assertFalse(new GpuTrial(app).wasFatal());
    }

    @Test
    public void aSelfTestTellsWhereAGpusOperatorsRan() {
        String placement = "112 of 112 operators on Mali-G76 (OpenCL, IMAGE)";
        String end = "{\"event\":\"end\",\"gpu\":{\"placement\":\"" + placement + "\"}}";
        assertEquals(placement, SelfTest.placement(end));
        assertEquals("", SelfTest.placement("{\"event\":\"end\",\"gpu\":null}"));
    }
}
