package deepmark.demo.view;

/**
 * Where a camera's frame lies in a view. Every coordinate on the screen comes from here.
 *
 * <p>Three pictures are meant. The <b>buffer</b> is what the camera delivers: rows as the sensor
 * reads them. The <b>analysed picture</b> is the buffer's crop rectangle, turned until it is
 * upright for whoever holds the phone; it is never mirrored, so that the left of a garment stays
 * left for the network. The <b>view</b> shows the analysed picture scaled, centred, and mirrored
 * for a camera that looks at its user.
 *
 * <p>Positions in the analysed picture are pixel positions as the detector gives them: (0, 0) is
 * the centre of the upper left pixel. Positions in a view are Android's: (0, 0) is the view's
 * corner.
 *
 * @param turn degrees that the buffer is turned clockwise to be upright: 0, 90, 180 or 270
 * @param displayTurn degrees that the display is turned counter-clockwise from its natural way up
 * @param mirrored whether the view shows the analysed picture mirrored
 * @param width width of the analysed picture in its pixels
 * @param height height of the analysed picture in its pixels
 * @param viewWidth width of the view in its pixels
 * @param viewHeight height of the view in its pixels
 * @param scale view pixels per pixel of the analysed picture
 * @param left left edge of the analysed picture in the view, in view pixels; below 0 where it is
 *     cut off
 * @param top upper edge of the analysed picture in the view, in view pixels; below 0 where it is
 *     cut off
 */
public record FrameGeometry(
        int turn,
        int displayTurn,
        boolean mirrored,
        int width,
        int height,
        int viewWidth,
        int viewHeight,
        float scale,
        float left,
        float top) {

    /** How the analysed picture is fitted into a view of another shape. */
    public enum Fit {
        /** The whole picture is seen, with empty bars beside it. */
        INSIDE,
        /** The whole view is covered, and the picture's ends are cut off. */
        COVER
    }

    /**
     * Return the degrees that a camera's buffer is turned clockwise to be upright: 0, 90, 180 or
     * 270.
     *
     * @param sensorOrientation Camera2's SENSOR_ORIENTATION
     * @param displayQuarters Display.getRotation(), 0 to 3
     * @param front whether the camera looks at its user
     * @throws IllegalArgumentException the sensor's orientation is no multiple of 90 degrees
     */
    public static int turn(int sensorOrientation, int displayQuarters, boolean front) {
        if (sensorOrientation % 90 != 0) {
            throw new IllegalArgumentException(
                    "the sensor's orientation must be a multiple of 90, found "
                            + sensorOrientation);
        }
        int displayTurn = displayQuarters * 90;
        int degrees = front ? sensorOrientation + displayTurn : sensorOrientation - displayTurn;
        return Math.floorMod(degrees, 360);
    }

    /**
     * Lay a camera's frames out in a view.
     *
     * @param sensorOrientation degrees that the buffer must be turned clockwise on a phone held in
     *     its natural way: Camera2's SENSOR_ORIENTATION
     * @param displayQuarters the display's rotation in quarter turns: Display.getRotation(), 0 to 3
     * @param front whether the camera looks at its user
     * @param cropWidth width of the buffer's crop rectangle, in buffer pixels
     * @param cropHeight height of the buffer's crop rectangle, in buffer pixels
     * @throws IllegalArgumentException a turn is no multiple of 90 degrees, or a size is not above
     *     0
     */
    public static FrameGeometry ofCamera(
            int sensorOrientation,
            int displayQuarters,
            boolean front,
            int cropWidth,
            int cropHeight,
            int viewWidth,
            int viewHeight,
            Fit fit) {
        int turn = turn(sensorOrientation, displayQuarters, front);
        boolean onSide = turn % 180 != 0;
        return placed(
                turn,
                Math.floorMod(displayQuarters * 90, 360),
                front,
                onSide ? cropHeight : cropWidth,
                onSide ? cropWidth : cropHeight,
                viewWidth,
                viewHeight,
                fit);
    }

    /**
     * Lay an upright picture out in a view, all of it to be seen.
     *
     * @throws IllegalArgumentException a size is not above 0
     */
    public static FrameGeometry ofPicture(int width, int height, int viewWidth, int viewHeight) {
        return placed(0, 0, false, width, height, viewWidth, viewHeight, Fit.INSIDE);
    }

    private static FrameGeometry placed(
            int turn,
            int displayTurn,
            boolean mirrored,
            int width,
            int height,
            int viewWidth,
            int viewHeight,
            Fit fit) {
        if (Math.min(Math.min(width, height), Math.min(viewWidth, viewHeight)) < 1) {
            throw new IllegalArgumentException(
                    "sizes must be above 0, found "
                            + width
                            + "x"
                            + height
                            + " in "
                            + viewWidth
                            + "x"
                            + viewHeight);
        }
        float across = (float) viewWidth / width;
        float down = (float) viewHeight / height;
        float scale = fit == Fit.COVER ? Math.max(across, down) : Math.min(across, down);
        return new FrameGeometry(
                turn,
                displayTurn,
                mirrored,
                width,
                height,
                viewWidth,
                viewHeight,
                scale,
                (viewWidth - width * scale) / 2,
                (viewHeight - height * scale) / 2);
    }

    /** Return the view's x of a position in the analysed picture. */
    public float viewX(float x) {
        float across = x + 0.5f;
        return left + (mirrored ? width - across : across) * scale;
    }

    /** Return the view's y of a position in the analysed picture. */
    public float viewY(float y) {
        return top + (y + 0.5f) * scale;
    }

    /** Return the analysed picture's x of a position in the view. */
    public float pictureX(float viewX) {
        float across = (viewX - left) / scale;
        return (mirrored ? width - across : across) - 0.5f;
    }

    /** Return the analysed picture's y of a position in the view. */
    public float pictureY(float viewY) {
        return (viewY - top) / scale - 0.5f;
    }

    /**
     * Return the matrix that lays a TextureView's content where the overlay expects it, row by row,
     * for android.graphics.Matrix.
     *
     * <p>Such a view stretches the preview, upright for the phone's natural way up and mirrored for
     * a front camera, to its own size. The preview must have the shape of the analysed picture.
     */
    public float[] previewMatrix() {
        float[] origin = previewPoint(0, 0);
        float[] acrossEnd = previewPoint(1, 0);
        float[] downEnd = previewPoint(0, 1);
        return new float[] {
            (acrossEnd[0] - origin[0]) / viewWidth,
            (downEnd[0] - origin[0]) / viewHeight,
            origin[0],
            (acrossEnd[1] - origin[1]) / viewWidth,
            (downEnd[1] - origin[1]) / viewHeight,
            origin[1],
            0,
            0,
            1
        };
    }

    /** Where a corner of the natural preview, u and v from 0 to 1, belongs in the view. */
    private float[] previewPoint(float u, float v) {
        float across = mirrored ? 1 - u : u;
        float x;
        float y;
        // Mirroring turns a turn round: the unmirrored picture of a front camera is turned the
        // other way.
        switch (mirrored ? (360 - displayTurn) % 360 : displayTurn) {
            case 90:
                x = v;
                y = 1 - across;
                break;
            case 180:
                x = 1 - across;
                y = 1 - v;
                break;
            case 270:
                x = 1 - v;
                y = across;
                break;
            default:
                x = across;
                y = v;
                break;
        }
        return new float[] {viewX(x * width - 0.5f), viewY(y * height - 0.5f)};
    }
}
