package deepmark.demo.bundle;

/** A model in the app's assets that cannot be used. */
public final class BundleException extends Exception {
    private static final long serialVersionUID = 1;

    /** What kind of trouble it is: each has a sentence of its own on the screen. */
    public enum Kind {
        /** The app's own files are not what its index says. */
        DAMAGED,
        /** The index is of a later version of the app. */
        NEWER,
        /** The phone has no room for the unpacked model. */
        NO_SPACE,
        /** The phone's storage cannot be written or read. */
        STORAGE
    }

    private final Kind kind;

    public BundleException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
