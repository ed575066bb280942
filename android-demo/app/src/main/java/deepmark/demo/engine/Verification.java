package deepmark.demo.engine;

import java.io.File;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** Runs a bundle's golden vectors on this machine, as {@code dm_verify} does. */
public final class Verification {
    private Verification() {}

    /**
     * Compares every vector.
     *
     * @param engine how MNN computes.
     * @param sink takes dm_verify's lines: an event {@code vector} for each, then {@code end}.
     * @param cancel set it from another thread: the next vector does not begin.
     * @return whether this machine gives what the network gave.
     * @throws CancellationException it was cancelled.
     */
    public static boolean run(
            File bundle, EngineSettings engine, Consumer<String> sink, AtomicBoolean cancel)
            throws EngineException {
        return Lines.of(
                        (lines, cancelled) ->
                                Bridge.verify(
                                        Detector.utf8(bundle),
                                        engine.numbers(),
                                        engine.kernelsPath(),
                                        lines,
                                        cancelled),
                        sink,
                        cancel)
                == 0;
    }
}
