package deepmark.demo.model;

import android.os.Handler;
import android.os.Looper;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.camera.CameraFrame;
import deepmark.demo.camera.FrameCheck;
import deepmark.demo.camera.LatestFrame;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Found;
import deepmark.demo.engine.Frame;
import deepmark.demo.settings.Settings;
import deepmark.demo.view.ModelCard;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Analyses camera frames on a thread of its own, the newest first, one at a time.
 *
 * <p>A new model is tested with its vectors before its first frame. Closing waits for nothing: the
 * frame that is being analysed is finished, and its result is dropped.
 */
public final class Analyser implements AutoCloseable {

    /** Who is told; on the main thread, and never after closing. */
    public interface Listener {
        /** A model's vectors are being run, which takes some seconds, or that is over. */
        void onTesting(boolean running);

        /** A model is ready. */
        void onReady(ModelCard card, Models.Verdict verdict);

        /** A frame was analysed. */
        void onResult(Result result);

        /** The model or the engine fails; nothing more comes. */
        void onFailure(Exception error);
    }

    /**
     * What was found in a frame.
     *
     * @param found objects in pixels of the upright frame
     * @param card the model's names
     * @param turn degrees that the frame was turned clockwise
     * @param cropWidth width of the frame's crop rectangle, in pixels of the camera
     * @param cropHeight height of the frame's crop rectangle, in pixels of the camera
     * @param arrivedNs when the frame arrived, System.nanoTime
     * @param endedNs when its result was there, System.nanoTime
     * @param look whether the camera delivers pictures at all
     */
    public record Result(
            Found found,
            ModelCard card,
            int turn,
            int cropWidth,
            int cropHeight,
            long arrivedNs,
            long endedNs,
            FrameCheck.Verdict look) {}

    private final Models models;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final LatestFrame<CameraFrame> slot = new LatestFrame<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final FrameCheck check = new FrameCheck();
    private volatile Settings settings;
    private volatile int turn;

    /**
     * Begin.
     *
     * @param settings model, arithmetic and threads; another model needs another analyser
     * @param turn degrees that frames are turned clockwise to be upright
     */
    public Analyser(Models models, Settings settings, int turn, Listener listener) {
        this.models = models;
        this.settings = settings;
        this.turn = turn;
        this.listener = listener;
        new Thread(this::run, "network").start();
    }

    /** Take a frame; it replaces one that waits. */
    public void offer(CameraFrame frame) {
        slot.offer(frame);
    }

    /**
     * Turn later frames otherwise: a display that is turned by half a turn tells nobody.
     *
     * @param degrees that frames are turned clockwise to be upright
     */
    public void turnBy(int degrees) {
        turn = degrees;
    }

    /** Decode later frames with other parameters. */
    public void use(Settings changed) {
        settings = changed;
    }

    @Override
    public void close() {
        closed.set(true);
        slot.close();
    }

    private void tell(Runnable what) {
        main.post(
                () -> {
                    if (!closed.get()) what.run();
                });
    }

    private void run() {
        try {
            BundleIndex.Entry entry = models.chosen(settings);
            test(entry);
            try (Model model = models.open(entry, settings)) {
                Models.Verdict verdict = models.verdict(entry, settings.way());
                tell(() -> listener.onReady(model.card(), verdict));
                for (CameraFrame frame = slot.take(); frame != null; frame = slot.take())
                    analyse(model, frame);
            }
        } catch (BundleException | EngineException | RuntimeException error) {
            if (!(error instanceof CancellationException)) tell(() -> listener.onFailure(error));
        } catch (OutOfMemoryError error) {
            tell(() -> listener.onFailure(new IllegalStateException("out of memory", error)));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } finally {
            slot.close();
        }
    }

    private void test(BundleIndex.Entry entry) throws BundleException, EngineException {
        if (models.index().standIn()
                || models.verdict(entry, settings.way()) != Models.Verdict.UNTESTED) return;
        tell(() -> listener.onTesting(true));
        SelfTest.run(models, entry, settings.engine(), closed);
        tell(() -> listener.onTesting(false));
    }

    private void analyse(Model model, CameraFrame frame) throws EngineException {
        Result result;
        try (frame) {
            int[] crop = frame.crop();
            int width = crop[2] - crop[0];
            int height = crop[3] - crop[1];
            int degrees = turn;
            Found found = model.detect(engineFrame(frame, crop, degrees), settings.decoding());
            FrameCheck.Verdict look =
                    check.look(
                            frame.bytes(0),
                            frame.rowStride(0),
                            frame.bytes(1),
                            frame.bytes(2),
                            width,
                            height);
            result =
                    new Result(
                            found,
                            model.card(),
                            degrees,
                            width,
                            height,
                            frame.arrivedNs(),
                            System.nanoTime(),
                            look);
        }
        tell(() -> listener.onResult(result));
    }

    private static Frame engineFrame(CameraFrame frame, int[] crop, int degrees) {
        return new Frame(
                plane(frame, 0),
                plane(frame, 1),
                plane(frame, 2),
                crop[0],
                crop[1],
                crop[2],
                crop[3],
                degrees,
                false,
                frame.fullRange());
    }

    private static Frame.Plane plane(CameraFrame frame, int which) {
        return new Frame.Plane(
                frame.bytes(which), frame.rowStride(which), frame.pixelStride(which));
    }
}
