package deepmark.demo.settings;

import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineSettings;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.Way;

import java.util.Map;
import java.util.Objects;

/**
 * What the user chose. Kept over restarts.
 *
 * @param bundle name of the model; empty for the first of the app's
 * @param decoding least score, and the paper's four techniques
 * @param way what the network is computed on, and in which arithmetic, with 1 to {@value
 *     #MOST_THREADS} threads
 * @param front whether the camera that looks at its user is used
 */
public record Settings(String bundle, Decoding decoding, Way way, boolean front) {
    /** Most threads that can be chosen. */
    public static final int MOST_THREADS = 8;

    public Settings {
        Objects.requireNonNull(bundle);
        Objects.requireNonNull(decoding);
        Objects.requireNonNull(way);
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
                Way.ofCpu(Precision.FP32, Math.max(1, Math.min(4, cores))),
                false);
    }

    /** Return the settings as strings by name, to be kept. */
    public Map<String, String> written() {
        return Map.of(
                "bundle", bundle,
                "score", Double.toString(decoding.score()),
                "techniques", Integer.toString(decoding.techniques()),
                "way", way.written(),
                "front", Boolean.toString(front));
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
        return new Settings(
                kept.getOrDefault("bundle", ""),
                new Decoding((int) techniques, score),
                Way.read(kept.get("way"), MOST_THREADS, fresh.way),
                Boolean.parseBoolean(kept.get("front")));
    }

    /** Return how the engine is to compute. */
    public EngineSettings engine() {
        return new EngineSettings(way, EngineSettings.Memory.NORMAL);
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
        return bundle.equals(other.bundle) && way.equals(other.way);
    }

    /** Return these settings with another model. */
    public Settings withBundle(String name) {
        return new Settings(name, decoding, way, front);
    }

    /** Return these settings with another score and other techniques. */
    public Settings withDecoding(Decoding chosen) {
        return new Settings(bundle, chosen, way, front);
    }

    /** Return these settings with another way to compute. */
    public Settings withWay(Way chosen) {
        return new Settings(bundle, decoding, chosen, front);
    }

    /** Return these settings with the other camera. */
    public Settings withFront(boolean on) {
        return new Settings(bundle, decoding, way, on);
    }
}
