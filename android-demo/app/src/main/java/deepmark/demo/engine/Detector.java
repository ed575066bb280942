package deepmark.demo.engine;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * An opened model.
 *
 * <p>Several threads may use one; they take turns. A picture that is being analysed when another
 * thread closes the detector is finished, and after that every call fails.
 */
public final class Detector implements AutoCloseable {
    private final long handle;

    private Detector(long handle) {
        this.handle = handle;
    }

    /**
     * Opens an unpacked bundle and checks each of its files; takes about a second.
     *
     * <p>With {@link Fit#RECT} two shapes of pictures are kept ready; the first picture of another
     * one takes as long again.
     *
     * @param bundle the folder NAME.deepmark.
     */
    public static Detector open(File bundle, EngineSettings settings, Fit fit)
            throws EngineException {
        try {
            Bridge.load();
            return new Detector(
                    Bridge.open(
                            utf8(bundle),
                            settings.numbers(),
                            settings.kernelsPath(),
                            fit.ordinal()));
        } catch (IllegalStateException error) {
            throw new EngineException(error);
        }
    }

    /**
     * Tells of the model, as a JSON object.
     *
     * <p>{@code name}; {@code precision} of the weights; {@code input}: largest height and width,
     * fit; {@code classes}: for each its {@code name}, {@code landmarks} (names) and {@code
     * outline} (lists of indices into them to draw lines through; empty: draw points only); {@code
     * decoder}: the bundle's parameters and the numbers of the techniques that are on in it; {@code
     * engine}: mnn_version, precision_used, threads_used, memory_mib, and {@code gpu}: null, or the
     * GPU's name, driver, placement of operators, times, and what became of compiled kernels.
     */
    public String describe() throws EngineException {
        try {
            return new String(Bridge.describe(handle), StandardCharsets.UTF_8);
        } catch (IllegalStateException error) {
            throw new EngineException(error);
        }
    }

    /** Analyses a camera's picture, which must stay as it is meanwhile. */
    public Found detect(Frame frame, Decoding decoding) throws EngineException {
        double[] times = new double[3];
        try {
            float[] packed =
                    Bridge.detectFrame(
                            handle,
                            plane(frame.y()),
                            plane(frame.u()),
                            plane(frame.v()),
                            frame.layout(),
                            decoding.techniques(),
                            decoding.score(),
                            times);
            return Found.read(packed, times);
        } catch (IllegalStateException error) {
            throw new EngineException(error);
        }
    }

    /**
     * Analyses an upright picture.
     *
     * @param argb its pixels, rows first, as Bitmap.getPixels gives them; what is transparent
     *     counts as opaque.
     */
    public Found detect(int[] argb, int width, int height, Decoding decoding)
            throws EngineException {
        Objects.requireNonNull(argb);
        double[] times = new double[3];
        try {
            float[] packed =
                    Bridge.detectPicture(
                            handle,
                            argb,
                            width,
                            height,
                            decoding.techniques(),
                            decoding.score(),
                            times);
            return Found.read(packed, times);
        } catch (IllegalStateException error) {
            throw new EngineException(error);
        }
    }

    /** Frees the model; again and again does no harm. */
    @Override
    public void close() {
        Bridge.close(handle);
    }

    static byte[] utf8(File path) {
        return path.getPath().getBytes(StandardCharsets.UTF_8);
    }

    /** The native side reads from the buffer's first byte, whatever its position. */
    private static ByteBuffer plane(Frame.Plane plane) {
        return plane.bytes().slice();
    }
}
