package deepmark.demo.engine;

import java.io.File;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** Measures one model's times, as {@code dm_bench} does. */
public final class Benchmark {
    private static final int AS_THE_BUNDLE_SAYS = -1;

    private Benchmark() {}

    /**
     * How long, and how.
     *
     * @param engine how MNN computes.
     * @param decoding techniques and score; null: as the bundle says.
     * @param warmUpRuns runs that are not measured, at least.
     * @param warmUpSeconds their time, at least.
     * @param runs measured runs, at most; 0: as many as there is time for.
     * @param seconds time for them, at most; 0: as long as they take. One of the two must be above
     *     0.
     */
    public record Options(
            EngineSettings engine,
            Decoding decoding,
            int warmUpRuns,
            double warmUpSeconds,
            int runs,
            double seconds) {
        public Options {
            Objects.requireNonNull(engine);
        }
    }

    /**
     * Runs the benchmark.
     *
     * @param pictures folder of binary PPM files, {@code *.ppm}; they take turns.
     * @param sink takes dm_bench's lines: events {@code start}, {@code loaded}, {@code warm}, one
     *     {@code sample} for each run, {@code end}.
     * @param cancel set it from another thread: the next run does not begin.
     * @throws CancellationException it was cancelled.
     */
    public static void run(
            File bundle,
            File pictures,
            Options options,
            Consumer<String> sink,
            AtomicBoolean cancel)
            throws EngineException {
        EngineSettings engine = options.engine();
        Decoding decoding = options.decoding();
        int[] counts = {
            options.warmUpRuns(),
            options.runs(),
            decoding == null ? AS_THE_BUNDLE_SAYS : decoding.techniques(),
        };
        double[] numbers = {
            options.warmUpSeconds(),
            options.seconds(),
            decoding == null ? AS_THE_BUNDLE_SAYS : decoding.score(),
        };
        Lines.of(
                (lines, cancelled) ->
                        Bridge.bench(
                                Detector.utf8(bundle),
                                Detector.utf8(pictures),
                                engine.numbers(),
                                engine.kernelsPath(),
                                counts,
                                numbers,
                                lines,
                                cancelled),
                sink,
                cancel);
    }
}
