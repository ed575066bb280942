package deepmark.demo.settings;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.engine.Way;

import org.junit.Test;

import java.util.List;
import java.util.Map;

/** Settings come back as they were; what cannot be read is as in a fresh app. */
public final class SettingsTest {
    @Test
    public void whatIsKeptComesBack() {
        Settings chosen =
                new Settings(
                        "shirt ü",
                        new Decoding(0b0101, 0.45),
                        new Way(Compute.OPENCL, Precision.FP16_SUMS, Storage.BUFFER, 7),
                        true);
        assertEquals(chosen, Settings.read(chosen.written(), 8));
    }

    @Test
    public void whatIsMissingOrBrokenIsAsInAFreshApp() {
        assertEquals(Settings.fresh(8), Settings.read(Map.of(), 8));
        Map<String, String> broken =
                Map.of("score", "NaN", "techniques", "99", "way", "CPU BF16 IMAGE 4");
        assertEquals(Settings.fresh(8), Settings.read(broken, 8));
        for (String way : List.of("", "CPU", "CPU FP32 IMAGE many", "CPU FP32 IMAGE 9"))
            assertEquals(Settings.fresh(8), Settings.read(Map.of("way", way), 8));
    }

    @Test
    public void aFreshAppTakesFourThreadsWhereThereAreFourCores() {
        assertEquals(4, Settings.fresh(8).way().threads());
        assertEquals(2, Settings.fresh(2).way().threads());
        assertEquals(1, Settings.fresh(0).way().threads());
    }

    @Test
    public void onlyModelAndWayNeedAnotherModel() {
        Settings fresh = Settings.fresh(4);
        assertTrue(fresh.opensLike(fresh.withDecoding(new Decoding(0, 0.9)).withFront(true)));
        assertFalse(fresh.opensLike(fresh.withBundle("shirt")));
        assertFalse(fresh.opensLike(fresh.withWay(fresh.way().with(Precision.FP16))));
        assertFalse(fresh.opensLike(fresh.withWay(fresh.way().with(2))));
    }
}
