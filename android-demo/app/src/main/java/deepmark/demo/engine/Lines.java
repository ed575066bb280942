package deepmark.demo.engine;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** A long native work: its JSON lines go to a sink as they come, and a flag ends it. */
final class Lines {
    private static final int CANCELLED = 2;

    /** Calls one of the bridge's long methods. */
    interface Work {
        int run(Consumer<byte[]> lines, BooleanSupplier cancelled);
    }

    private Lines() {}

    /**
     * @return the method's result.
     * @throws CancellationException the flag was set.
     */
    static int of(Work work, Consumer<String> sink, AtomicBoolean cancel) throws EngineException {
        int result;
        try {
            Bridge.load();
            result =
                    work.run(
                            line -> sink.accept(new String(line, StandardCharsets.UTF_8)),
                            cancel::get);
        } catch (IllegalStateException error) {
            throw new EngineException(error);
        }
        if (result == CANCELLED) throw new CancellationException("it was cancelled");
        return result;
    }
}
