package deepmark.demo.engine;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A camera's picture, YUV_420_888, as it lies in memory.
 *
 * <p>Crop, then turn, then mirror gives the upright picture that is analysed.
 *
 * @param y one byte a pixel.
 * @param u one byte for 2 x 2 pixels; so {@code v}.
 * @param left the crop rectangle, in pixels of the whole picture; {@code right} and {@code bottom}
 *     are the first column and row outside.
 * @param rotation by which the picture must be turned clockwise to be upright: 0, 90, 180 or 270
 *     degrees.
 * @param mirrored whether left and right are exchanged afterwards, as in a front camera's preview.
 * @param fullRange whether black is 0 and white 255 (JFIF, what cameras give), or 16 and 235.
 */
public record Frame(
        Plane y,
        Plane u,
        Plane v,
        int left,
        int top,
        int right,
        int bottom,
        int rotation,
        boolean mirrored,
        boolean fullRange) {
    /**
     * One of the three.
     *
     * @param bytes direct; position to limit are the plane. The last row may end with its last
     *     pixel.
     * @param rowStride bytes from a row to the next.
     * @param pixelStride bytes from a pixel to the next.
     */
    public record Plane(ByteBuffer bytes, int rowStride, int pixelStride) {
        public Plane {
            Objects.requireNonNull(bytes);
        }
    }

    public Frame {
        Objects.requireNonNull(y);
        Objects.requireNonNull(u);
        Objects.requireNonNull(v);
    }

    /** Return the width of the upright picture, in pixels. */
    public int uprightWidth() {
        return rotation % 180 == 0 ? right - left : bottom - top;
    }

    /** Return the height of the upright picture, in pixels. */
    public int uprightHeight() {
        return rotation % 180 == 0 ? bottom - top : right - left;
    }

    int[] layout() {
        return new int[] {
            y.rowStride,
            y.pixelStride,
            u.rowStride,
            u.pixelStride,
            v.rowStride,
            v.pixelStride,
            left,
            top,
            right,
            bottom,
            rotation,
            mirrored ? 1 : 0,
            fullRange ? 1 : 0,
        };
    }
}
