package deepmark.demo.model;

import android.content.Context;
import android.content.SharedPreferences;

import deepmark.demo.engine.EngineSettings.Compute;

/**
 * Marks that a GPU is opening a model. Its driver may end the whole app; the mark then stands at
 * the next start, where the CPU computes.
 */
public final class GpuTrial {
    private static final String TRYING = "trying";

    private final SharedPreferences kept;

    public GpuTrial(Context context) {
        kept = context.getSharedPreferences("gpu-trial", Context.MODE_PRIVATE);
    }

    /** Set the mark; the CPU needs none. */
    public void begin(Compute compute) {
        if (compute == Compute.CPU) return;
        kept.edit().putBoolean(TRYING, true).commit(); // on disk before the driver may end us
    }

    /** Take the mark away: the app is still there. */
    public void end() {
        if (kept.contains(TRYING)) kept.edit().remove(TRYING).apply();
    }

    /** Tell whether the app ended while a GPU opened a model, and forget it. */
    public boolean wasFatal() {
        boolean fatal = kept.getBoolean(TRYING, false);
        if (fatal) kept.edit().remove(TRYING).apply();
        return fatal;
    }
}
