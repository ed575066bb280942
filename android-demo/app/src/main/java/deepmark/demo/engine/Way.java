package deepmark.demo.engine;

import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * What computes a network, and in which arithmetic: what a user chooses, or a search finds.
 *
 * @param compute what computes.
 * @param precision of the arithmetic.
 * @param storage where OpenCL keeps its tensors; without a meaning elsewhere.
 * @param threads of the CPU, 1 to 64; without a meaning on a GPU.
 */
public record Way(Compute compute, Precision precision, Storage storage, int threads) {
    private static final int MOST_SEARCHED = 4;

    public Way {
        Objects.requireNonNull(compute);
        Objects.requireNonNull(precision);
        Objects.requireNonNull(storage);
    }

    /** Return every way that may be the best one: those of {@code deepmark bench --find}. */
    public static List<Way> all() {
        List<Way> all = new ArrayList<>();
        for (int threads : List.of(1, 2, MOST_SEARCHED))
            for (Precision one : precisions(Compute.CPU)) all.add(ofCpu(one, threads));
        for (Storage storage : Storage.values())
            for (Precision one : precisions(Compute.OPENCL))
                all.add(new Way(Compute.OPENCL, one, storage, MOST_SEARCHED));
        for (Precision one : precisions(Compute.VULKAN))
            all.add(new Way(Compute.VULKAN, one, Storage.IMAGE, MOST_SEARCHED));
        return List.copyOf(all);
    }

    /** Return the precisions that are not the same for what computes. */
    public static List<Precision> precisions(Compute compute) {
        return compute == Compute.OPENCL
                ? List.of(Precision.values())
                : List.of(Precision.FP32, Precision.FP16);
    }

    /** Return a way of the CPU. */
    public static Way ofCpu(Precision precision, int threads) {
        return new Way(Compute.CPU, precision, Storage.IMAGE, threads);
    }

    /**
     * Name it in the words of {@code deepmark bench --find}, but for threads: {@code fp16}, {@code
     * opencl image high}. Ways of one name compute the same numbers.
     */
    public String arithmetic() {
        if (compute == Compute.CPU) return precision.onCpu();
        String on = compute.name().toLowerCase(Locale.ROOT);
        if (compute == Compute.OPENCL) on += " " + storage.name().toLowerCase(Locale.ROOT);
        return on + " " + precision.onGpu();
    }

    /** Tell whether it is the same as another: a GPU has no threads. */
    public boolean isLike(Way other) {
        return arithmetic().equals(other.arithmetic())
                && (compute != Compute.CPU || threads == other.threads);
    }

    /** Return this way with another arithmetic. */
    public Way with(Precision other) {
        return new Way(compute, other, storage, threads);
    }

    /** Return this way with another number of threads. */
    public Way with(int count) {
        return new Way(compute, precision, storage, count);
    }

    /** Return this way on something else that computes. */
    public Way on(Compute other, Storage where) {
        return new Way(other, precision, where, threads);
    }

    /** Return it as a text to be kept. */
    public String written() {
        return String.join(
                " ", compute.name(), precision.name(), storage.name(), Integer.toString(threads));
    }

    /**
     * Return the way that was kept.
     *
     * @param most threads at most
     * @param otherwise what to return for a text that is none
     */
    public static Way read(String text, int most, Way otherwise) {
        String[] words = text == null ? new String[0] : text.split(" ", -1);
        if (words.length != 4) return otherwise;
        try {
            int threads = Integer.parseInt(words[3]);
            if (threads < 1 || threads > most) return otherwise;
            return new Way(
                    Compute.valueOf(words[0]),
                    Precision.valueOf(words[1]),
                    Storage.valueOf(words[2]),
                    threads);
        } catch (IllegalArgumentException unknown) { // a word of another version
            return otherwise;
        }
    }
}
