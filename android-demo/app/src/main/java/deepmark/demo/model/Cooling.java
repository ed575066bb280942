package deepmark.demo.model;

import deepmark.demo.stats.Heat;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.DoubleConsumer;

/**
 * Waits before a round of turns until the phone is as cool as before the first one, as {@code
 * deepmark bench --device adb} does.
 */
final class Cooling {
    /** Degrees that the battery may be warmer than before the first round. */
    private static final double TOLERANCE_C = 1;

    /** The battery's temperature from which on a phone is not measured at all. */
    private static final double TOO_WARM_C = 38;

    private static final double LONGEST_S = 300;
    private static final double LOOK_EVERY_S = 5;

    /** The pause between rounds where the battery's temperature cannot be read. */
    private static final double BLIND_S = 10;

    /** Lets time pass. */
    interface Pause {
        /**
         * Let so many seconds pass.
         *
         * @throws CancellationException the flag was set meanwhile
         */
        void of(double seconds, AtomicBoolean cancel);
    }

    private final Heat heat;
    private final Pause pause;
    private double goal = Double.NaN;
    private boolean isFirst = true;

    Cooling(Heat heat, Pause pause) {
        this.heat = heat;
        this.pause = pause;
    }

    /** Let real time pass. */
    static void sleep(double seconds, AtomicBoolean cancel) {
        long end = System.nanoTime() + (long) (1e9 * seconds);
        while (System.nanoTime() < end) {
            if (cancel.get()) throw new CancellationException("it was cancelled");
            try {
                Thread.sleep(100);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new CancellationException("the thread was stopped");
            }
        }
    }

    /**
     * Wait; at most five minutes, then the round goes on.
     *
     * @param told gets the battery's temperature while it is waited for, in degrees Celsius; NaN
     *     where it cannot be read
     */
    void await(DoubleConsumer told, AtomicBoolean cancel) {
        for (double waited = 0; waited < LONGEST_S && isWarm(); waited += LOOK_EVERY_S) {
            told.accept(battery());
            pause.of(LOOK_EVERY_S, cancel);
        }
        if (isFirst) goal = battery();
        else if (Double.isNaN(battery())) pause.of(BLIND_S, cancel);
        isFirst = false;
    }

    private double battery() {
        return Heat.plausible(heat.battery());
    }

    private boolean isWarm() {
        double now = battery();
        return now > TOO_WARM_C || now > goal + TOLERANCE_C || heat.status() >= Heat.THROTTLED;
    }
}
