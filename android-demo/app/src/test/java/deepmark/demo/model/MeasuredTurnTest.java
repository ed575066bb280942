package deepmark.demo.model;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** What a turn's lines and states say. */
@RunWith(RobolectricTestRunner.class)
public final class MeasuredTurnTest {
    private static MeasuredTurn turn(int oldPeak, String before, String after)
            throws JSONException {
        String sample =
                "{\"event\":\"sample\",\"letterbox_ms\":1,\"network_ms\":7,\"decode_ms\":0.5}";
        String text =
                """
                {"before": {"thermal_status": 0, "battery_c": %s},
                 "during": [{"thermal_status": 2, "battery_c": 99}],
                 "after": {"thermal_status": null, "battery_c": %s},
                 "lines": [
                   {"event": "start", "memory": {"rss_kib": 100000, "hwm_kib": %d}},
                   %s, %s,
                   {"event": "end", "memory": {"rss_kib": 150000, "hwm_kib": 204800}}]}
                """
                        .formatted(before, after, oldPeak, sample, sample);
        return MeasuredTurn.read(new JSONObject(text));
    }

    @Test
    public void timesHeatAndMemoryAreRead() throws JSONException {
        MeasuredTurn turn = turn(100100, "30.5", "31.25");
        assertArrayEquals(new double[] {8.5, 8.5}, turn.totals(), 0);
        assertEquals(2, turn.hottest());
        assertEquals(200, turn.peakMib(), 0);
        assertEquals(0.75, turn.warmerC(), 1e-9);
    }

    /** The kernel did not let the peak begin anew: it may be that of another way. */
    @Test
    public void aPeakOfBeforeIsNoneOfTheTurn() throws JSONException {
        assertEquals(Double.NaN, turn(180000, "30", "31").peakMib(), 0);
    }

    @Test
    public void whatNoBatteryHasIsNoTemperature() throws JSONException {
        assertEquals(Double.NaN, turn(100000, "null", "31").warmerC(), 0);
        assertEquals(Double.NaN, turn(100000, "0", "31").warmerC(), 0);
        assertEquals(Double.NaN, turn(100000, "30", "-99.9").warmerC(), 0);
    }

    @Test
    public void whatIsNoDocumentIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> MeasuredTurn.all("{}"));
    }
}
