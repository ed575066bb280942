package deepmark.demo.camera;

/**
 * Closes a camera's reader, but not before its last frame came back: closing it takes away the
 * memory of all its frames, while the native side may be reading one.
 *
 * <p>Safe for several threads.
 */
final class LentFrames {
    private final Runnable close;
    private int lent;
    private boolean ended;

    /**
     * @param close closes the reader; it is called once
     */
    LentFrames(Runnable close) {
        this.close = close;
    }

    /** Lend a frame; false once the reader is to be closed: then the frame is nobody's. */
    synchronized boolean lend() {
        if (ended) return false;
        lent++;
        return true;
    }

    /** Take a frame back, once for each that was lent. */
    void takeBack() {
        boolean last;
        synchronized (this) {
            lent--;
            last = ended && lent == 0;
        }
        if (last) close.run();
    }

    /** Lend no more frames, and close the reader as soon as none is out. */
    void end() {
        boolean last;
        synchronized (this) {
            last = !ended && lent == 0;
            ended = true;
        }
        if (last) close.run();
    }
}
