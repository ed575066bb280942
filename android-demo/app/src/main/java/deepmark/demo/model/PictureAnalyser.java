package deepmark.demo.model;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import android.os.Handler;
import android.os.Looper;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Found;
import deepmark.demo.settings.Settings;
import deepmark.demo.view.ModelCard;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Reads and analyses single pictures on a thread of its own; of several that wait, only the newest.
 */
public final class PictureAnalyser implements AutoCloseable {
    /** What a sample's name begins with; other sources are content URIs. */
    private static final String SAMPLES = "samples";

    private static final int MOST_PIXELS = 12_000_000;

    /** Who is told, on the main thread. */
    public interface Listener {
        /** A picture was read and is being analysed. */
        void onPicture(Bitmap picture);

        /** It was analysed. */
        void onResult(Result result);

        /** It cannot be read. */
        void onUnreadable();

        /** The model or the engine fails. */
        void onFailure(Throwable error);
    }

    /**
     * A picture and what was found in it.
     *
     * @param name its name
     * @param picture the picture as it was analysed, upright
     * @param reduced whether it is smaller than its file
     * @param found objects in pixels of the picture
     * @param card the model's names
     */
    public record Result(
            String name, Bitmap picture, boolean reduced, Found found, ModelCard card) {}

    private final Context context;
    private final Models models;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final ExecutorService worker = Executors.newSingleThreadExecutor();
    private final AtomicInteger wanted = new AtomicInteger();
    private Model model;
    private Settings opened;
    private Picture latest;

    /** A picture that was read. */
    private record Picture(String source, Bitmap bitmap, boolean reduced) {}

    public PictureAnalyser(Context context, Models models, Listener listener) {
        this.context = context.getApplicationContext();
        this.models = models;
        this.listener = listener;
    }

    /** Return the pictures in the app, to be analysed by these names. */
    public List<String> samples() {
        List<String> found = new ArrayList<>();
        try {
            String[] names = context.getAssets().list(SAMPLES);
            if (names != null) for (String name : names) found.add(SAMPLES + "/" + name);
        } catch (IOException none) {
            return List.of();
        }
        found.sort(null);
        return found;
    }

    /** Return a small picture of a sample, or null. */
    public Bitmap thumbnail(String source, int side) {
        try (InputStream from = open(source)) {
            Bitmap whole = BitmapFactory.decodeStream(from);
            if (whole == null) return null;
            float scale = (float) side / Math.min(whole.getWidth(), whole.getHeight());
            return Bitmap.createScaledBitmap(
                    whole,
                    Math.round(whole.getWidth() * scale),
                    Math.round(whole.getHeight() * scale),
                    true);
        } catch (IOException missing) {
            return null;
        }
    }

    /** Analyse a sample or a content URI. */
    public void analyse(String source, Settings settings) {
        int number = wanted.incrementAndGet();
        try {
            worker.execute(() -> run(source, settings, number));
        } catch (RejectedExecutionException closed) {
            // The screen is gone.
        }
    }

    @Override
    public void close() {
        wanted.incrementAndGet();
        worker.execute(this::closeModel);
        worker.shutdown();
    }

    private void tell(int number, Runnable what) {
        main.post(
                () -> {
                    if (number == wanted.get()) what.run();
                });
    }

    private void run(String source, Settings settings, int number) {
        if (number != wanted.get()) return;
        try {
            if (latest == null || !latest.source().equals(source)) {
                latest = null;
                latest = read(source);
                Bitmap shown = latest.bitmap();
                tell(number, () -> listener.onPicture(shown));
            }
            Picture picture = latest;
            reopen(settings);
            int width = picture.bitmap().getWidth();
            int height = picture.bitmap().getHeight();
            int[] pixels = new int[width * height];
            picture.bitmap().getPixels(pixels, 0, width, 0, 0, width, height);
            Found found = model.detect(pixels, width, height, settings.decoding());
            String name = source.substring(source.lastIndexOf('/') + 1);
            ModelCard card = model.card();
            tell(
                    number,
                    () ->
                            listener.onResult(
                                    new Result(
                                            name,
                                            picture.bitmap(),
                                            picture.reduced(),
                                            found,
                                            card)));
        } catch (IOException unreadable) {
            tell(number, listener::onUnreadable);
        } catch (BundleException | EngineException | RuntimeException | OutOfMemoryError error) {
            tell(number, () -> listener.onFailure(error));
        }
    }

    private void reopen(Settings settings) throws BundleException, EngineException {
        if (model != null && settings.opensLike(opened)) return;
        closeModel();
        BundleIndex.Entry entry = models.chosen(settings);
        model = models.open(entry, settings);
        opened = settings;
    }

    private void closeModel() {
        if (model != null) model.close();
        model = null;
    }

    private InputStream open(String source) throws IOException {
        if (source.startsWith(SAMPLES + "/")) return context.getAssets().open(source);
        try {
            InputStream from = context.getContentResolver().openInputStream(Uri.parse(source));
            if (from == null) throw new IOException("no such picture");
            return from;
        } catch (RuntimeException refused) { // whatever the other app threw
            throw new IOException("no such picture", refused);
        }
    }

    /**
     * Read a picture upright, reduced by a power of two where it has more than {@link
     * #MOST_PIXELS}.
     */
    private Picture read(String source) throws IOException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inJustDecodeBounds = true;
        try (InputStream from = open(source)) {
            BitmapFactory.decodeStream(from, null, options);
        }
        if (options.outWidth < 1 || options.outHeight < 1) throw new IOException("no picture");
        options.inSampleSize = 1;
        while ((long) options.outWidth
                        * options.outHeight
                        / options.inSampleSize
                        / options.inSampleSize
                > MOST_PIXELS) {
            options.inSampleSize *= 2;
        }
        options.inJustDecodeBounds = false;
        options.inPreferredConfig = Bitmap.Config.ARGB_8888;
        Bitmap stored;
        try (InputStream from = open(source)) {
            stored = BitmapFactory.decodeStream(from, null, options);
        }
        if (stored == null) throw new IOException("no picture");
        return new Picture(source, upright(stored, orientation(source)), options.inSampleSize > 1);
    }

    private int orientation(String source) {
        try (InputStream from = open(source)) {
            return new ExifInterface(from)
                    .getAttributeInt(
                            ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        } catch (IOException | RuntimeException none) {
            return ExifInterface.ORIENTATION_NORMAL;
        }
    }

    static Bitmap upright(Bitmap stored, int orientation) {
        Matrix matrix = new Matrix();
        boolean mirrored =
                Arrays.asList(
                                ExifInterface.ORIENTATION_FLIP_HORIZONTAL,
                                ExifInterface.ORIENTATION_FLIP_VERTICAL,
                                ExifInterface.ORIENTATION_TRANSPOSE,
                                ExifInterface.ORIENTATION_TRANSVERSE)
                        .contains(orientation);
        int turn =
                switch (orientation) {
                    case ExifInterface.ORIENTATION_ROTATE_90,
                                    ExifInterface.ORIENTATION_TRANSVERSE ->
                            90;
                    case ExifInterface.ORIENTATION_ROTATE_180,
                                    ExifInterface.ORIENTATION_FLIP_VERTICAL ->
                            180;
                    case ExifInterface.ORIENTATION_ROTATE_270,
                                    ExifInterface.ORIENTATION_TRANSPOSE ->
                            270;
                    default -> 0;
                };
        if (!mirrored && turn == 0) return stored;
        if (mirrored) matrix.postScale(-1, 1);
        matrix.postRotate(turn);
        return Bitmap.createBitmap(
                stored, 0, 0, stored.getWidth(), stored.getHeight(), matrix, false);
    }
}
