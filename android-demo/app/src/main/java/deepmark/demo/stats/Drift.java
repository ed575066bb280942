package deepmark.demo.stats;

import java.util.Arrays;

/** Whether a measurement became slower while it ran: a phone that gets warm does. */
public final class Drift {
    /** Medians of the last third and the first that differ by less are noise. */
    static final double NOISE = 1.05;

    private Drift() {}

    /**
     * Return the median of the last third of samples in medians of the first third; NaN for fewer
     * than three.
     */
    public static double of(double[] samples) {
        int third = samples.length / 3;
        if (third == 0) return Double.NaN;
        double first = LiveNumbers.quantile(Arrays.copyOf(samples, third), 0.5);
        double last =
                LiveNumbers.quantile(
                        Arrays.copyOfRange(samples, samples.length - third, samples.length), 0.5);
        return last / first;
    }

    /** Tell whether the last third is as fast as the first, within {@value #NOISE}. */
    public static boolean isSteady(double[] samples) {
        return !(of(samples) > NOISE);
    }
}
