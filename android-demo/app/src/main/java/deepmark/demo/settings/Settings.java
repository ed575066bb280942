package deepmark.demo.settings;

import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineSettings;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;

import java.util.Map;
import java.util.Objects;

/**
 * What the user chose. Kept over restarts.
 *
 * @param bundle name of the model; empty for the first of the app's
 * @param decoding least score, and the paper's four techniques
 * @param precision arithmetic of the network; fp16 only where the processor has it
 * @param threads threads of the network, 1 to {@value #MOST_THREADS}
 * @param front whether the camera that looks at its user is used
 * @param compute what the network is computed on
 */
public record Settings(
        String bundle,
        Decoding decoding,
        Precision precision,
        int threads,
        boolean front,
        Compute compute) {
    /** Most threads that can be chosen. */
    public static final int MOST_THREADS = 8;

    public Settings {
        Objects.requireNonNull(bundle);
        Objects.requireNonNull(decoding);
        Objects.requireNonNull(precision);
        Objects.requireNonNull(compute);
    }

    /**
     * Return what a fresh app begins with.
     *
     * @param cores processor cores of the phone
     */
    public static Settings fresh(int cores) {
        return new Settings(
                "",
                new Decoding(Decoding.ALL, 0.3),
                Precision.FP32,
                Math.max(1, Math.min(4, cores)),
                false,
                Compute.CPU);
    }

    /** Return the settings as strings by name, to be kept. */
    public Map<String, String> written() {
        return Map.of(
                "bundle", bundle,
                "score", Double.toString(decoding.score()),
                "techniques", Integer.toString(decoding.techniques()),
                "precision", precision.name(),
                "threads", Integer.toString(threads),
                "front", Boolean.toString(front),
                "compute", compute.name());
    }

    /**
     * Return the settings that were kept. What is missing or cannot be read is as in a fresh app,
     * whatever version of the app wrote it.
     *
     * @param cores processor cores of the phone
     */
    public static Settings read(Map<String, String> kept, int cores) {
        Settings fresh = fresh(cores);
        double techniques = number(kept.get("techniques"), Decoding.ALL, 0, Decoding.ALL);
        double score = number(kept.get("score"), fresh.decoding.score(), 0, 1);
        double threads = number(kept.get("threads"), fresh.threads, 1, MOST_THREADS);
        boolean half = Precision.FP16.name().equals(kept.get("precision"));
        return new Settings(
                kept.getOrDefault("bundle", ""),
                new Decoding((int) techniques, score),
                half ? Precision.FP16 : Precision.FP32,
                (int) threads,
                Boolean.parseBoolean(kept.get("front")),
                compute(kept.get("compute")));
    }

    private static Compute compute(String name) {
        for (Compute one : Compute.values()) if (one.name().equals(name)) return one;
        return Compute.CPU;
    }

    /** Return how the engine is to compute. */
    public EngineSettings engine() {
        return new EngineSettings(threads, precision, EngineSettings.Memory.NORMAL, compute);
    }

    private static double number(String text, double otherwise, double low, double high) {
        if (text == null) return otherwise;
        try {
            double value = Double.parseDouble(text);
            return value >= low && value <= high ? value : otherwise;
        } catch (NumberFormatException broken) {
            return otherwise;
        }
    }

    /** Tell whether a model that was opened with other settings serves these, too. */
    public boolean opensLike(Settings other) {
        return bundle.equals(other.bundle)
                && precision == other.precision
                && threads == other.threads
                && compute == other.compute;
    }

    /** Return these settings with another model. */
    public Settings withBundle(String name) {
        return new Settings(name, decoding, precision, threads, front, compute);
    }

    /** Return these settings with another score and other techniques. */
    public Settings withDecoding(Decoding chosen) {
        return new Settings(bundle, chosen, precision, threads, front, compute);
    }

    /** Return these settings with another arithmetic. */
    public Settings withPrecision(Precision chosen) {
        return new Settings(bundle, decoding, chosen, threads, front, compute);
    }

    /** Return these settings with another number of threads. */
    public Settings withThreads(int count) {
        return new Settings(bundle, decoding, precision, count, front, compute);
    }

    /** Return these settings on something else that computes. */
    public Settings withCompute(Compute chosen) {
        return new Settings(bundle, decoding, precision, threads, front, chosen);
    }

    /** Return these settings with the other camera. */
    public Settings withFront(boolean on) {
        return new Settings(bundle, decoding, precision, threads, on, compute);
    }
}
