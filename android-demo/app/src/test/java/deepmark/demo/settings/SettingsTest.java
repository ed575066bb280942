package deepmark.demo.settings;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;

import org.junit.Test;

import java.util.Map;

/** Settings come back as they were; what cannot be read is as in a fresh app. */
public final class SettingsTest {
    @Test
    public void whatIsKeptComesBack() {
        Settings chosen =
                new Settings(
                        "shirt ü",
                        new Decoding(0b0101, 0.45),
                        Precision.FP16,
                        7,
                        true,
                        Compute.VULKAN);
        assertEquals(chosen, Settings.read(chosen.written(), 8));
    }

    @Test
    public void whatIsMissingOrBrokenIsAsInAFreshApp() {
        assertEquals(Settings.fresh(8), Settings.read(Map.of(), 8));
        Map<String, String> broken =
                Map.of("score", "NaN", "techniques", "99", "threads", "many", "precision", "bf16");
        assertEquals(Settings.fresh(8), Settings.read(broken, 8));
    }

    @Test
    public void aFreshAppTakesFourThreadsWhereThereAreFourCores() {
        assertEquals(4, Settings.fresh(8).threads());
        assertEquals(2, Settings.fresh(2).threads());
        assertEquals(1, Settings.fresh(0).threads());
    }

    @Test
    public void onlyModelArithmeticAndThreadsNeedAnotherModel() {
        Settings fresh = Settings.fresh(4);
        assertTrue(fresh.opensLike(fresh.withDecoding(new Decoding(0, 0.9)).withFront(true)));
        assertFalse(fresh.opensLike(fresh.withBundle("shirt")));
        assertFalse(fresh.opensLike(fresh.withPrecision(Precision.FP16)));
        assertFalse(fresh.opensLike(fresh.withThreads(2)));
    }
}
