package deepmark.demo.stats;

import java.util.Arrays;

/**
 * Numbers of the live view, of the last {@value #KEPT} frames: nothing is trimmed, nothing
 * smoothed.
 *
 * <p>Not safe for several threads.
 */
public final class LiveNumbers {

    /** Frames that count. */
    public static final int KEPT = 60;

    /**
     * Times in milliseconds; NaN before the first frame.
     *
     * @param framesPerSecond analysed frames a second, between the first and the last of those that
     *     count; NaN for one
     * @param median median time of a frame: conversion, network and decoder
     * @param p90 time that nine of ten frames stay below or reach
     * @param convert median time of the conversion from the camera's format
     * @param network median time of the network
     * @param decode median time of the decoder
     * @param frames frames that count, at most {@value #KEPT}
     */
    public record Shown(
            double framesPerSecond,
            double median,
            double p90,
            double convert,
            double network,
            double decode,
            int frames) {}

    private final double[] convert = new double[KEPT];
    private final double[] network = new double[KEPT];
    private final double[] decode = new double[KEPT];
    private final double[] end = new double[KEPT];
    private long count;

    /**
     * Count a frame.
     *
     * @param endMs when its result was there, in milliseconds of a clock that never goes back
     */
    public void add(double endMs, double convertMs, double networkMs, double decodeMs) {
        int at = (int) (count % KEPT);
        end[at] = endMs;
        convert[at] = convertMs;
        network[at] = networkMs;
        decode[at] = decodeMs;
        count++;
    }

    /**
     * Forget all frames: after a pause, or when settings change, the earlier ones say nothing of
     * what is shown.
     */
    public void clear() {
        count = 0;
    }

    /** Return the numbers of the frames so far. */
    public Shown shown() {
        int kept = (int) Math.min(count, KEPT);
        double[] total = new double[kept];
        for (int i = 0; i < kept; i++) {
            total[i] = convert[i] + network[i] + decode[i];
        }
        double seconds = 0;
        if (kept > 1) {
            int last = (int) ((count - 1) % KEPT);
            int first = count > KEPT ? (int) (count % KEPT) : 0;
            seconds = (end[last] - end[first]) / 1000;
        }
        return new Shown(
                seconds > 0 ? (kept - 1) / seconds : Double.NaN,
                quantile(total, 0.5),
                quantile(total, 0.9),
                quantile(Arrays.copyOf(convert, kept), 0.5),
                quantile(Arrays.copyOf(network, kept), 0.5),
                quantile(Arrays.copyOf(decode, kept), 0.5),
                kept);
    }

    /** Quantile with linear interpolation between the two samples beside it, as NumPy's default. */
    public static double quantile(double[] samples, double share) {
        if (samples.length == 0) {
            return Double.NaN;
        }
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        double at = share * (sorted.length - 1);
        int below = (int) at;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }
}
