package deepmark.demo.model;

import android.content.Context;
import android.content.SharedPreferences;

import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.Way;

/**
 * Marks that a GPU makes a session: when it opens a model, and for each new shape of pictures. Its
 * driver may end the whole app; the mark then stands at the next start, where the CPU computes.
 *
 * <p>Threads may use one: the mark stands until the last of them has its session.
 */
public final class GpuTrial {
    private static final String WAY = "way";

    private final SharedPreferences kept;
    private int running;

    public GpuTrial(Context context) {
        kept = context.getSharedPreferences("gpu-trial", Context.MODE_PRIVATE);
    }

    /** Set the mark; the CPU needs none. */
    public synchronized void begin(Way way) {
        if (way.compute() == Compute.CPU) return;
        running++;
        // On disk before the driver may end us.
        kept.edit().putString(WAY, way.arithmetic()).commit();
    }

    /** Take the mark away, which was set for the same: the app is still there. */
    public synchronized void end(Way way) {
        if (way.compute() == Compute.CPU || --running > 0) return;
        kept.edit().remove(WAY).apply();
    }

    /**
     * Tell in which way a GPU made a session when the app ended, by {@link Way#arithmetic}, and
     * forget it; empty if none did.
     */
    public synchronized String fatal() {
        String way = kept.getString(WAY, "");
        if (!way.isEmpty()) kept.edit().remove(WAY).apply();
        return way;
    }
}
