package deepmark.demo.model;

import android.content.Context;
import android.content.SharedPreferences;

import deepmark.demo.engine.EngineSettings.Compute;

/**
 * Marks that a GPU makes a session: when it opens a model, and for each new shape of pictures. Its
 * driver may end the whole app; the mark then stands at the next start, where the CPU computes.
 *
 * <p>Threads may use one: the mark stands until the last of them has its session.
 */
public final class GpuTrial {
    private static final String TRYING = "trying";

    private final SharedPreferences kept;
    private int running;

    public GpuTrial(Context context) {
        kept = context.getSharedPreferences("gpu-trial", Context.MODE_PRIVATE);
    }

    /** Set the mark; the CPU needs none. */
    public synchronized void begin(Compute compute) {
        if (compute == Compute.CPU) return;
        running++;
        kept.edit().putBoolean(TRYING, true).commit(); // on disk before the driver may end us
    }

    /** Take the mark away, which was set for the same: the app is still there. */
    public synchronized void end(Compute compute) {
        if (compute == Compute.CPU || --running > 0) return;
        kept.edit().remove(TRYING).apply();
    }

    /** Tell whether the app ended while a GPU made a session, and forget it. */
    public synchronized boolean wasFatal() {
        boolean fatal = kept.getBoolean(TRYING, false);
        if (fatal) kept.edit().remove(TRYING).apply();
        return fatal;
    }
}
