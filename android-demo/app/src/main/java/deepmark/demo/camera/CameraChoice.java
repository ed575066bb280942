package deepmark.demo.camera;

import deepmark.demo.camera.Cameras.Size;

import java.util.List;

/** Which camera, and which of its sizes. Pure functions. */
final class CameraChoice {
    private static final Size FRAME = new Size(640, 480);
    private static final int PREVIEW_WIDTH = 1280;

    private CameraChoice() {}

    /**
     * Choose the size of the frames that are analysed: 640x480, which every camera gives, or the
     * nearest.
     *
     * @return null for an empty list
     */
    static Size frame(List<Size> offered) {
        Size best = null;
        for (Size one : offered) {
            if (best == null || distance(one, FRAME) < distance(best, FRAME)) best = one;
        }
        return best;
    }

    /**
     * Choose the size of the preview: of the same shape as the frames, so that both show the same
     * part of the scene.
     *
     * @param offered sizes of previews
     * @param frame size of the frames
     * @return the frame's own size where no other has its shape
     */
    static Size preview(List<Size> offered, Size frame) {
        Size best = frame;
        for (Size one : offered) {
            boolean sameShape =
                    (long) one.width() * frame.height() == (long) one.height() * frame.width();
            if (sameShape
                    && Math.abs(one.width() - PREVIEW_WIDTH)
                            < Math.abs(best.width() - PREVIEW_WIDTH)) best = one;
        }
        return best;
    }

    private static long distance(Size one, Size other) {
        return Math.abs((long) one.width() - other.width())
                + Math.abs((long) one.height() - other.height());
    }

    /**
     * Tell whether a camera is likelier to be a side's main one than another: the first in the
     * system's list may be a telephoto lens.
     *
     * @param widths angles of view in degrees, NaN where unknown; {@code 60 to 90} is that of a
     *     main camera
     */
    static int mainOf(double[] widths) {
        int best = -1;
        for (int i = 0; i < widths.length; i++) {
            if (best < 0 || unlikeliness(widths[i]) < unlikeliness(widths[best])) best = i;
        }
        return best;
    }

    private static double unlikeliness(double degrees) {
        if (Double.isNaN(degrees)) return 1;
        return degrees < 55 ? 55 - degrees : Math.max(0, degrees - 95);
    }
}
