package deepmark.demo.model;

import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.Way;

import java.util.Objects;

/**
 * A way to compute a model, and what a search found out about it so far.
 *
 * @param way the way
 * @param state how far it is
 * @param reason what the engine said when it refused; empty otherwise
 * @param totalMs median of all runs in milliseconds; NaN before it is measured
 * @param peakMib largest memory of the app in MiB; NaN where it cannot be told
 * @param warmerC how much warmer the battery was after a turn than before, on average, in degrees
 *     Celsius; NaN where it cannot be told
 */
public record TriedWay(
        Way way, State state, String reason, double totalMs, double peakMib, double warmerC) {

    /** How far a way is; the last four are the end of it. */
    public enum State {
        /** Nothing was done with it. */
        WAITING,
        /** It is being tried; the app may end of it. */
        TRYING,
        /** The model's vectors are right. */
        RIGHT,
        /** The model's vectors are wrong. */
        DIFFERS,
        /** The engine refused it, or failed. */
        REFUSED,
        /** The app ended while it was tried. */
        ENDED_APP,
        /** It is right, and was measured. */
        MEASURED
    }

    public TriedWay {
        Objects.requireNonNull(way);
        Objects.requireNonNull(state);
        Objects.requireNonNull(reason);
    }

    /** Name it in the words of {@code deepmark bench --find}. */
    String name() {
        if (way.compute() != Compute.CPU) return way.arithmetic();
        return way.arithmetic() + ", threads " + way.threads();
    }

    /** Tell what the proof said, in the same words. */
    String proof() {
        return switch (state) {
            case WAITING, TRYING -> "not proven";
            case RIGHT, MEASURED -> "vectors right";
            case DIFFERS -> "vectors differ";
            case REFUSED -> reason;
            case ENDED_APP -> "the app ended while it tried this";
        };
    }

    static TriedWay waiting(Way way) {
        return new TriedWay(way, State.WAITING, "", Double.NaN, Double.NaN, Double.NaN);
    }

    /** Return it in a state that has neither reason nor numbers. */
    TriedWay in(State other) {
        return new TriedWay(way, other, "", Double.NaN, Double.NaN, Double.NaN);
    }

    TriedWay refused(String why) {
        return new TriedWay(way, State.REFUSED, why, Double.NaN, Double.NaN, Double.NaN);
    }

    TriedWay measured(double total, double peak, double warmer) {
        return new TriedWay(way, State.MEASURED, "", total, peak, warmer);
    }
}
