package deepmark.demo.model;

import android.content.Context;
import android.content.SharedPreferences;

import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.Way;

/**
 * Marks that a GPU makes a session: when it opens a model, and for each new shape of pictures. Its
 * driver may end the whole app; the mark then stands at the next start, where the CPU computes.
 *
 * <p>Threads may use one: what is on disk stands until the last of their marks has its end.
 */
public final class GpuTrial {
    private static final String WAY = "way";

    private final SharedPreferences kept;
    private int running;

    public GpuTrial(Context context) {
        kept = context.getSharedPreferences("gpu-trial", Context.MODE_PRIVATE);
    }

    /** A mark that stands until its end. */
    public final class Mark {
        private boolean over;

        private Mark(boolean over) {
            this.over = over;
        }

        /** Take it away: the app is still there. Again and again does no harm. */
        public void end() {
            synchronized (GpuTrial.this) {
                if (over) return;
                over = true;
                if (--running == 0) kept.edit().remove(WAY).apply();
            }
        }
    }

    /** Set a mark; the CPU needs none. */
    public synchronized Mark begin(Way way) {
        if (way.compute() == Compute.CPU) return new Mark(true);
        running++;
        // On disk before the driver may end us.
        kept.edit().putString(WAY, way.arithmetic()).commit();
        return new Mark(false);
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
