package deepmark.demo.camera;

import java.nio.ByteBuffer;

/**
 * Notices a camera that delivers no picture: some phones give constant frames, or all-zero ones,
 * which look green, and call no error.
 *
 * <p>Not safe for several threads.
 */
public final class FrameCheck {

    /** What the latest frames look like. */
    public enum Verdict {
        PICTURE,
        CONSTANT,
        GREEN
    }

    /**
     * Frames in a row before a verdict changes to a bad one: a lens that is covered for a moment is
     * no fault.
     */
    static final int PATIENCE = 20;

    private static final int GRID = 16;
    private static final int SPREAD = 2;

    private int suspicious;

    /**
     * Look at one frame.
     *
     * @param luma Y plane; only absolute reads
     * @param rowStride bytes from one row to the next
     * @param u first chroma plane; only its first byte is read
     * @param v second chroma plane; only its first byte is read
     * @param width width in pixels
     * @param height height in pixels
     */
    public Verdict look(
            ByteBuffer luma, int rowStride, ByteBuffer u, ByteBuffer v, int width, int height) {
        int lowest = 255;
        int highest = 0;
        for (int row = 0; row < GRID; row++) {
            for (int column = 0; column < GRID; column++) {
                int at =
                        (height - 1) * row / (GRID - 1) * rowStride
                                + (width - 1) * column / (GRID - 1);
                int value = luma.get(at) & 255;
                lowest = Math.min(lowest, value);
                highest = Math.max(highest, value);
            }
        }
        suspicious = highest - lowest <= SPREAD ? suspicious + 1 : 0;
        if (suspicious < PATIENCE) {
            return Verdict.PICTURE;
        }
        boolean green =
                highest <= SPREAD && (u.get(0) & 255) <= SPREAD && (v.get(0) & 255) <= SPREAD;
        return green ? Verdict.GREEN : Verdict.CONSTANT;
    }
}
