package deepmark.demo.model;

import static org.junit.Assert.assertEquals;

import deepmark.demo.engine.Decoding;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

@RunWith(RobolectricTestRunner.class)
public final class MeasurementTest {
    private static Decoding useful(int techniques, String channels) {
        String manifest = "{\"heads\": {\"channels\": {" + channels + "}}}";
        return Measurement.useful(new Decoding(techniques, 0.3), manifest);
    }

    @Test
    public void aModelOfBoxesIsMeasuredWithTheTechniquesThatItHasAUseFor() {
        assertEquals(new Decoding(0b0010, 0.3), useful(0b1111, "\"hm\": 80, \"wh\": 2"));
        assertEquals(new Decoding(0b0000, 0.3), useful(0b1101, "\"hm\": 80, \"features\": 64"));
    }

    @Test
    public void aModelOfLandmarksIsMeasuredAsChosen() {
        assertEquals(new Decoding(0b1101, 0.3), useful(0b1101, "\"hm\": 13, \"hm_hp\": 62"));
    }

    @Test
    public void whatIsNoManifestIsLeftToTheEngine() {
        assertEquals(
                new Decoding(0b1111, 0.3), Measurement.useful(new Decoding(0b1111, 0.3), "{}"));
    }
}
