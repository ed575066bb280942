package deepmark.demo.stats;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;

/** How warm the phone says that it is. */
public final class Heat {
    /** Status where the phone does not say: before Android 10, or without a thermal service. */
    public static final int UNKNOWN = -1;

    /** Status from which on the phone slows down so that it is noticed: moderate. */
    public static final int THROTTLED = 2;

    private static final int THERMAL_STATUS_API = 29;

    // Whole degrees where tenths are meant make 6 of 60; a sensor that is not there says 0.
    private static final double COLDEST_C = 7;
    private static final double HOTTEST_C = 90;

    private final Context context;

    public Heat(Context context) {
        this.context = context.getApplicationContext();
    }

    /** Return the thermal status, 0 (none) to 6 (shutdown), or {@link #UNKNOWN}. */
    public int status() {
        if (Build.VERSION.SDK_INT < THERMAL_STATUS_API) return UNKNOWN;
        PowerManager power = context.getSystemService(PowerManager.class);
        if (power == null) return UNKNOWN;
        try {
            return power.getCurrentThermalStatus();
        } catch (RuntimeException none) {
            return UNKNOWN;
        }
    }

    /** Return a temperature that a battery may have; NaN for one that no sensor measured. */
    public static double plausible(double celsius) {
        return celsius >= COLDEST_C && celsius <= HOTTEST_C ? celsius : Double.NaN;
    }

    /** Return the battery's temperature in degrees Celsius, or NaN where the phone does not say. */
    public double battery() {
        Intent state =
                context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
        int tenths =
                state == null
                        ? Integer.MIN_VALUE
                        : state.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Integer.MIN_VALUE);
        return tenths == Integer.MIN_VALUE ? Double.NaN : tenths / 10.0;
    }
}
