package deepmark.demo.stats;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.content.ContextWrapper;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowPowerManager;

/** A phone that does not say how warm it is has no thermal status, and nothing breaks. */
@RunWith(RobolectricTestRunner.class)
public final class HeatTest {
    private final Context app = RuntimeEnvironment.getApplication();

    /** A phone whose thermal service has died. */
    @Implements(PowerManager.class)
    public static final class NoThermalService extends ShadowPowerManager {
        @Override
        @Implementation(minSdk = 29)
        protected int getCurrentThermalStatus() {
            throw new IllegalStateException("no thermal service");
        }
    }

    /** A phone without services, and without a battery. */
    private static final class Bare extends ContextWrapper {
        Bare(Context base) {
            super(base);
        }

        @Override
        public Context getApplicationContext() {
            return this;
        }

        @Override
        public Object getSystemService(String name) {
            return null;
        }

        @Override
        public Intent registerReceiver(
                android.content.BroadcastReceiver receiver, IntentFilter filter) {
            return null;
        }
    }

    @Test
    public void theStatusIsThePhoneS() {
        PowerManager power = app.getSystemService(PowerManager.class);
        if (Build.VERSION.SDK_INT < 29) {
            assertEquals(Heat.UNKNOWN, new Heat(app).status());
            return;
        }
        shadowOf(power).setCurrentThermalStatus(3);
        assertEquals(3, new Heat(app).status());
    }

    @Test
    @Config(shadows = NoThermalService.class)
    public void aThermalServiceThatDiedIsUnknown() {
        assertEquals(Heat.UNKNOWN, new Heat(app).status());
    }

    @Test
    public void aPhoneWithoutServicesIsUnknown() {
        Heat bare = new Heat(new Bare(app));
        assertEquals(Heat.UNKNOWN, bare.status());
        assertTrue(Double.isNaN(bare.battery()));
    }

    @Test
    @SuppressWarnings("deprecation") // sticky broadcasts are the system's
    public void theBatterySTemperatureIsInDegrees() {
        app.sendStickyBroadcast(
                new Intent(Intent.ACTION_BATTERY_CHANGED)
                        .putExtra(BatteryManager.EXTRA_TEMPERATURE, 312));
        assertEquals(31.2, new Heat(app).battery(), 1e-9);
        app.sendStickyBroadcast(new Intent(Intent.ACTION_BATTERY_CHANGED));
        assertTrue(Double.isNaN(new Heat(app).battery()));
    }
}
