package deepmark.demo.engine;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * The native methods of {@code libdeepmark_jni.so}; {@code cpp/bridge.cpp} has their bodies.
 *
 * <p>Text and paths are UTF-8 bytes: JNI's own strings are of another form. A failure is an
 * IllegalStateException with one sentence. Only the JDK's classes stand in the signatures, so that
 * a test's class loader may load this class once for several copies of the app.
 */
final class Bridge {
    private static String missing = "";
    private static boolean loaded;

    private Bridge() {}

    /** Loads the library once, or throws again what was wrong the first time. */
    static synchronized void load() {
        if (loaded) return;
        if (missing.isEmpty()) {
            try {
                System.loadLibrary("deepmark_jni");
                loaded = true;
                return;
            } catch (UnsatisfiedLinkError error) {
                missing = "the native library cannot be loaded: " + error.getMessage();
            }
        }
        throw new IllegalStateException(missing);
    }

    /**
     * Opens a bundle.
     *
     * @param engine {@link EngineSettings#numbers}.
     * @param kernels {@link EngineSettings#kernelsPath}.
     * @param fit {@link Fit}'s ordinal.
     */
    static native long open(byte[] bundle, int[] engine, byte[] kernels, int fit);

    static native byte[] describe(long handle);

    /**
     * Analyses a camera's picture.
     *
     * @param layout row and pixel stride of y, u and v; left, top, right, bottom; rotation;
     *     mirrored; full range.
     * @param times three numbers to fill, in ms: convert, network, decode.
     * @return width and height of the upright picture, then the objects ({@link Found#read}).
     */
    static native float[] detectFrame(
            long handle,
            ByteBuffer y,
            ByteBuffer u,
            ByteBuffer v,
            int[] layout,
            int techniques,
            double score,
            double[] times);

    static native float[] detectPicture(
            long handle,
            int[] argb,
            int width,
            int height,
            int techniques,
            double score,
            double[] times);

    static native void close(long handle);

    /**
     * Runs the golden vectors; returns 0 if all are equal, 1 if one differs, 2 if it was cancelled.
     *
     * @param engine {@link EngineSettings#numbers}.
     * @param kernels {@link EngineSettings#kernelsPath}.
     */
    static native int verify(
            byte[] bundle,
            int[] engine,
            byte[] kernels,
            Consumer<byte[]> lines,
            BooleanSupplier cancelled);

    /**
     * Measures.
     *
     * @param engine {@link EngineSettings#numbers}.
     * @param kernels {@link EngineSettings#kernelsPath}.
     * @param counts warm-up runs, runs, techniques (-1: as the bundle says).
     * @param numbers seconds of warm-up, seconds, score (-1: as the bundle says).
     * @return 0: done, 2: cancelled.
     */
    static native int bench(
            byte[] bundle,
            byte[] pictures,
            int[] engine,
            byte[] kernels,
            int[] counts,
            double[] numbers,
            Consumer<byte[]> lines,
            BooleanSupplier cancelled);

    /** Called by the native side, which cannot make a string of UTF-8 itself. */
    private static void fail(byte[] sentence) {
        throw new IllegalStateException(new String(sentence, StandardCharsets.UTF_8));
    }
}
