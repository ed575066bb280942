package deepmark.demo.camera;

import android.graphics.SurfaceTexture;

import java.util.List;

/**
 * The phone's cameras, behind a seam: tests put their own frames in.
 *
 * <p>All methods are called on the main thread and return at once.
 */
public interface Cameras {
    /**
     * A camera that can be chosen.
     *
     * @param id its name in the system
     * @param front whether it looks at its user
     * @param sensorOrientation degrees that its frames must be turned clockwise on a phone held in
     *     its natural way
     * @param frame size of the frames that are analysed, in pixels
     * @param preview size of the preview, of the same shape, in pixels
     * @param torch whether it has a light
     */
    record Lens(
            String id,
            boolean front,
            int sensorOrientation,
            Size frame,
            Size preview,
            boolean torch) {}

    /**
     * A size.
     *
     * @param width width in pixels
     * @param height height in pixels
     */
    record Size(int width, int height) {}

    /** Who is told what happens. */
    interface Listener {
        /** Something happened to the camera; on the main thread. */
        void onEvent(CameraScreen.Event event, int opening);

        /** A frame came; on a thread of the camera. Whoever gets it closes it. */
        void onFrame(CameraFrame frame);
    }

    /**
     * Return the main camera of each side, the back one first; empty where there is none or it
     * cannot be asked.
     */
    List<Lens> lenses();

    /** Open a camera; the events OPENED, TAKEN, LOST, DISABLED or FAILED follow. */
    void open(Lens lens, int opening, Listener listener);

    /** Begin to show and to deliver frames; STREAMING or FAILED follows. */
    void stream(SurfaceTexture preview);

    /** Stop at the latest frame, or go on. */
    void freeze(boolean on);

    /** Switch the light. */
    void torch(boolean on);

    /** Close what is open. Events of it may still come, with its number. */
    void close();
}
