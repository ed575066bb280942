package deepmark.demo.camera;

/**
 * A slot for one frame between the camera's thread and the network's: a newer frame replaces one
 * that nobody took, so that what is analysed is never old.
 *
 * @param <F> a frame; it is closed when a newer one takes its place
 */
public final class LatestFrame<F extends LatestFrame.Frame> {

    /** Something that holds a camera's buffer until it is closed. */
    public interface Frame extends AutoCloseable {
        @Override
        void close();
    }

    private F waiting;
    private boolean closed;
    private long dropped;

    /** Put a frame in, closing the one that waits. On a closed slot the frame is closed at once. */
    public void offer(F frame) {
        F old;
        synchronized (this) {
            if (closed) {
                old = frame;
            } else {
                old = waiting;
                waiting = frame;
                if (old != null) {
                    dropped++;
                }
                notifyAll();
            }
        }
        if (old != null) {
            old.close();
        }
    }

    /**
     * Wait for a frame and take it; whoever takes it closes it.
     *
     * @return null once the slot is closed
     * @throws InterruptedException the waiting thread was interrupted
     */
    public synchronized F take() throws InterruptedException {
        while (waiting == null && !closed) {
            wait();
        }
        F taken = waiting;
        waiting = null;
        return taken;
    }

    /** Return how many frames were replaced before anybody took them. */
    public synchronized long dropped() {
        return dropped;
    }

    /** Close the slot and the frame in it, and wake who waits. */
    public void close() {
        F old;
        synchronized (this) {
            closed = true;
            old = waiting;
            waiting = null;
            notifyAll();
        }
        if (old != null) {
            old.close();
        }
    }
}
