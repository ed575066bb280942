package deepmark.demo.engine;

/** What the native library could not do, in one sentence for people. */
public final class EngineException extends Exception {
    private static final long serialVersionUID = 1;

    EngineException(IllegalStateException cause) {
        super(cause.getMessage(), cause);
    }
}
