package deepmark.demo.camera;

import java.nio.ByteBuffer;

/** One frame of a camera, YUV_420_888, with its buffers; they are valid until it is closed. */
public interface CameraFrame extends LatestFrame.Frame {
    /** Return the bytes of a plane: 0 for Y, 1 for U, 2 for V. */
    ByteBuffer bytes(int plane);

    /** Return the bytes from one row of a plane to the next. */
    int rowStride(int plane);

    /** Return the bytes from one pixel of a plane to the next. */
    int pixelStride(int plane);

    /** Return left, top, right and bottom of the crop rectangle, in pixels. */
    int[] crop();

    /** Tell whether black is 0 and white 255, as cameras give it, or 16 and 235. */
    boolean fullRange();

    /** Return when the frame arrived, in nanoseconds of System.nanoTime. */
    long arrivedNs();
}
