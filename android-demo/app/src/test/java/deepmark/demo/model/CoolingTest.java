package deepmark.demo.model;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.content.Intent;
import android.os.BatteryManager;

import deepmark.demo.stats.Heat;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Each round begins with a phone as cool as it was before the first. */
@RunWith(RobolectricTestRunner.class)
public final class CoolingTest {
    private final Context app = RuntimeEnvironment.getApplication();
    private final List<Double> told = new ArrayList<>();
    private final AtomicBoolean cancel = new AtomicBoolean();
    private double waited;
    private double coolingRate;
    private double battery;

    private final Cooling cooling =
            new Cooling(
                    new Heat(app),
                    (seconds, cancelled) -> {
                        waited += seconds;
                        if (!Double.isNaN(battery)) warm(battery - coolingRate * seconds);
                    });

    @SuppressWarnings("deprecation") // sticky broadcasts are the system's
    private void warm(double celsius) {
        battery = celsius;
        Intent state = new Intent(Intent.ACTION_BATTERY_CHANGED);
        if (!Double.isNaN(celsius))
            state.putExtra(BatteryManager.EXTRA_TEMPERATURE, (int) Math.round(10 * celsius));
        app.sendStickyBroadcast(state);
    }

    private double await() {
        waited = 0;
        cooling.await(told::add, cancel);
        return waited;
    }

    @Test
    public void aRoundWaitsForTheTemperatureOfTheFirstAndADegree() {
        warm(30);
        assertEquals(0, await(), 0);
        warm(31);
        assertEquals(0, await(), 0);
        warm(33);
        coolingRate = 0.1;
        assertEquals("two degrees at a tenth a second", 20, await(), 0);
        assertEquals(List.of(33.0, 32.5, 32.0, 31.5), told);
    }

    @Test
    public void aHotPhoneIsWaitedForBeforeTheFirstRoundToo() {
        warm(40);
        coolingRate = 0.2;
        assertEquals(10, await(), 0);
    }

    @Test
    public void aPhoneThatStaysWarmIsMeasuredAfterFiveMinutes() {
        warm(30);
        await();
        warm(36);
        assertEquals(300, await(), 0);
    }

    @Test
    public void whereNothingCanBeReadThereIsAPauseBetweenRounds() {
        warm(Double.NaN);
        assertEquals(0, await(), 0);
        assertEquals(10, await(), 0);
        assertTrue(told.isEmpty());
    }

    @Test
    public void aPauseEndsWhenItIsCancelled() {
        cancel.set(true);
        long begin = System.nanoTime();
        assertThrows(CancellationException.class, () -> Cooling.sleep(60, cancel));
        assertTrue(System.nanoTime() - begin < 30_000_000_000L);
    }
}
