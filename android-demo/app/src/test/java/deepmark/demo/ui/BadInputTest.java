package deepmark.demo.ui;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.content.ClipData;
import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Intent;
import android.database.Cursor;
import android.graphics.Bitmap;
import android.graphics.SurfaceTexture;
import android.graphics.drawable.BitmapDrawable;
import android.net.Uri;
import android.os.Bundle;
import android.os.Looper;
import android.os.Parcel;
import android.os.ParcelFileDescriptor;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.function.BooleanSupplier;

/** What other apps, damaged files and the system may hand to the screens: a sentence, no end. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public final class BadInputTest {
    private static final String OTHER_APP = "other.app";
    private static final long PATIENCE_NS = 60_000_000_000L;

    /** An app whose files are of every kind. */
    public static final class OtherApp extends ContentProvider {
        @Override
        public boolean onCreate() {
            return true;
        }

        @Override
        public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
            String name = uri.getLastPathSegment();
            switch (name) {
                case "refused" -> throw new SecurityException("permission was taken back");
                case "broken" -> throw new IllegalStateException("a fault of the other app");
                case "nothing" -> {
                    return null;
                }
                default -> {
                    return ParcelFileDescriptor.open(
                            new File(getContext().getCacheDir(), name),
                            ParcelFileDescriptor.MODE_READ_ONLY);
                }
            }
        }

        @Override
        public Cursor query(Uri uri, String[] what, String where, String[] with, String order) {
            return null;
        }

        @Override
        public String getType(Uri uri) {
            return "image/png";
        }

        @Override
        public Uri insert(Uri uri, ContentValues values) {
            return null;
        }

        @Override
        public int delete(Uri uri, String where, String[] with) {
            return 0;
        }

        @Override
        public int update(Uri uri, ContentValues values, String where, String[] with) {
            return 0;
        }
    }

    @Before
    public void useFakeCameras() {
        RuntimeEnvironment.setQualifiers("en-w400dp-h880dp-xhdpi");
        DemoApp.of(RuntimeEnvironment.getApplication()).useCameras(new FakeCameras());
        Robolectric.setupContentProvider(OtherApp.class, OTHER_APP);
    }

    private static void await(String what, BooleanSupplier is) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE_NS;
        while (!is.getAsBoolean()) {
            assertTrue("waited too long for " + what, System.nanoTime() < end);
            Thread.sleep(5);
            shadowOf(Looper.getMainLooper()).idle();
        }
    }

    private static String summary(Activity pictures) {
        TextView line = pictures.findViewById(R.id.summary);
        return line.getText().toString();
    }

    private static PicturesActivity pictures() throws InterruptedException {
        PicturesActivity shown = Robolectric.buildActivity(PicturesActivity.class).setup().get();
        String loading = shown.getString(R.string.loading);
        await("the first sample", () -> !summary(shown).equals(loading));
        return shown;
    }

    /** What the picker gives back. */
    private static void picked(PicturesActivity pictures, Intent result) {
        pictures.findViewById(R.id.choose).performClick();
        shadowOf(pictures)
                .receiveResult(
                        shadowOf(pictures).getNextStartedActivityForResult().intent,
                        Activity.RESULT_OK,
                        result);
    }

    private static Uri other(String name) {
        return Uri.parse("content://" + OTHER_APP + "/" + name);
    }

    private static void write(String name, byte[] content) throws IOException {
        File to = new File(RuntimeEnvironment.getApplication().getCacheDir(), name);
        Files.write(to.toPath(), content);
    }

    @Test
    public void aPickerResultWithoutAPictureIsTold() throws Exception {
        PicturesActivity pictures = pictures();
        for (Intent result : new Intent[] {null, new Intent()}) {
            picked(pictures, result);
            assertEquals(pictures.getString(R.string.picker_empty), summary(pictures));
        }
        pictures.finish();
    }

    @Test
    public void aPickerResultInTheClipIsTaken() throws Exception {
        PicturesActivity pictures = pictures();
        write("clip.png", PngFile.of(20, 10));
        Intent result = new Intent();
        result.setClipData(ClipData.newRawUri("", other("clip.png")));
        picked(pictures, result);
        awaitPicture(pictures, 20, 10);
        pictures.finish();
    }

    @Test
    public void aPictureThatCannotBeReadIsTold() throws Exception {
        write("text.png", "no picture".getBytes(StandardCharsets.UTF_8));
        write("empty.png", new byte[0]);
        write("cut.png", java.util.Arrays.copyOf(PngFile.of(64, 64), 30));
        PicturesActivity pictures = pictures();
        for (String name :
                List.of(
                        "refused",
                        "broken",
                        "nothing",
                        "gone",
                        "text.png",
                        "empty.png",
                        "cut.png")) {
            picked(pictures, new Intent().setData(other(name)));
            String told = pictures.getString(R.string.picture_unreadable);
            String loading = pictures.getString(R.string.loading);
            await(name, () -> !summary(pictures).equals(loading));
            assertEquals(name, told, summary(pictures));
            assertFalse(name, pictures.findViewById(R.id.share).isEnabled());
        }
        pictures.finish();
    }

    private static void awaitPicture(PicturesActivity pictures, int width, int height)
            throws InterruptedException {
        ImageView view = pictures.findViewById(R.id.picture);
        await(
                width + " x " + height,
                () -> {
                    Bitmap shown =
                            view.getDrawable() instanceof BitmapDrawable picture
                                    ? picture.getBitmap()
                                    : null;
                    return shown != null
                            && shown.getWidth() == width
                            && shown.getHeight() == height;
                });
        String loading = pictures.getString(R.string.loading);
        await("an answer", () -> !summary(pictures).equals(loading));
        String told = pictures.getString(R.string.out_of_memory);
        assertFalse(summary(pictures).equals(told));
    }

    @Test
    @Config(sdk = {26, 34})
    public void aPictureOfOnePixelAndOneOfFortyEightMillionAreShown() throws Exception {
        write("one.png", PngFile.of(1, 1));
        write("large.png", PngFile.of(8000, 6000));
        PicturesActivity pictures = pictures();
        picked(pictures, new Intent().setData(other("one.png")));
        awaitPicture(pictures, 1, 1);
        Screens.draw(pictures, "api" + RuntimeEnvironment.getApiLevel() + "-one-pixel");
        picked(pictures, new Intent().setData(other("large.png")));
        awaitPicture(pictures, 4000, 3000);
        Screens.draw(pictures, "api" + RuntimeEnvironment.getApiLevel() + "-large");
        pictures.finish();
    }

    /**
     * End a screen as the system does that ends the whole app, and begin again with what it kept.
     */
    private static <T extends Activity> T afterProcessDeath(
            ActivityController<T> before, Class<T> screen) {
        Bundle kept = new Bundle();
        before.pause().stop().saveInstanceState(kept).destroy();
        Parcel parcel = Parcel.obtain();
        parcel.writeBundle(kept);
        assertTrue("the system takes less: " + parcel.dataSize(), parcel.dataSize() < 100_000);
        parcel.setDataPosition(0);
        Bundle read = parcel.readBundle(screen.getClassLoader());
        parcel.recycle();
        return Robolectric.buildActivity(screen).setup(read).get();
    }

    @Test
    public void afterProcessDeathAPictureThatIsNoLongerAllowedIsTold() throws Exception {
        Bundle kept = new Bundle();
        kept.putString("chosen", other("refused").toString());
        PicturesActivity again =
                Robolectric.buildActivity(PicturesActivity.class).setup(kept).get();
        String loading = again.getString(R.string.loading);
        await("an answer", () -> !summary(again).equals(loading));
        assertEquals(again.getString(R.string.picture_unreadable), summary(again));
        again.finish();
    }

    @Test
    public void afterProcessDeathTheChosenPictureIsThereAgain() throws Exception {
        write("mine.png", PngFile.of(30, 40));
        ActivityController<PicturesActivity> before =
                Robolectric.buildActivity(PicturesActivity.class).setup();
        picked(before.get(), new Intent().setData(other("mine.png")));
        PicturesActivity again = afterProcessDeath(before, PicturesActivity.class);
        awaitPicture(again, 30, 40);
        again.finish();
    }

    @Test
    public void afterProcessDeathAFrozenPictureStaysFrozen() {
        ActivityController<LiveActivity> before =
                Robolectric.buildActivity(LiveActivity.class).setup();
        before.get().findViewById(R.id.freeze).performClick();
        LiveActivity again = afterProcessDeath(before, LiveActivity.class);
        assertTrue(again.findViewById(R.id.freeze).isActivated());
    }

    /** A document of the length of a real one: a fast model gives thousands of runs. */
    private static String document() throws JSONException {
        JSONObject sample =
                new JSONObject()
                        .put("event", "sample")
                        .put("letterbox_ms", 1.5)
                        .put("network_ms", 7.25)
                        .put("decode_ms", 1.25)
                        .put("at_ms", 123456.789);
        JSONArray lines = new JSONArray();
        for (int i = 0; i < 2000; i++) lines.put(sample);
        JSONObject state = new JSONObject().put("thermal_status", 0);
        JSONObject turn =
                new JSONObject()
                        .put("before", state)
                        .put("after", state)
                        .put("during", new JSONArray())
                        .put("lines", lines);
        return new JSONObject()
                .put("turns", new JSONArray().put(turn).put(turn).put(turn))
                .toString();
    }

    @Test
    public void afterProcessDeathAMeasurementIsThereAgain() throws Exception {
        write("benchmark.json", document().getBytes(StandardCharsets.UTF_8));
        Bundle kept = new Bundle();
        kept.putBoolean("measured", true);
        ActivityController<BenchmarkActivity> before =
                Robolectric.buildActivity(BenchmarkActivity.class).setup(kept);
        ViewGroup cards = before.get().findViewById(R.id.cards);
        assertEquals(3, cards.getChildCount());
        BenchmarkActivity again = afterProcessDeath(before, BenchmarkActivity.class);
        ViewGroup shown = again.findViewById(R.id.cards);
        assertEquals(3, shown.getChildCount());
        TextView body = shown.getChildAt(0).findViewById(R.id.body);
        assertTrue(body.getText().toString(), body.getText().toString().contains("2000 runs"));
        assertTrue(again.findViewById(R.id.share).isEnabled());
        assertTrue(new File(again.getCacheDir(), "benchmark.json").delete());
        kept.putBoolean("measured", true);
        Activity tidied = Robolectric.buildActivity(BenchmarkActivity.class).setup(kept).get();
        assertFalse(tidied.findViewById(R.id.share).isEnabled());
    }

    private static String message(LiveActivity live) {
        View panel = live.findViewById(R.id.message);
        TextView text = live.findViewById(R.id.message_text);
        return panel.getVisibility() == View.VISIBLE ? text.getText().toString() : "";
    }

    @Test
    public void aModelThatFailsIsToldUntilTheNextTry() {
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        ActivityController<LiveActivity> controller =
                Robolectric.buildActivity(LiveActivity.class).setup();
        LiveActivity live = controller.get();
        live.onSurfaceTextureAvailable(new SurfaceTexture(0), 1, 1);
        shadowOf(Looper.getMainLooper()).idle();
        for (BundleException.Kind kind : BundleException.Kind.values()) {
            live.onFailure(new BundleException(kind, "x.mnn"));
            assertTrue(kind + ": " + message(live), message(live).contains("x.mnn"));
        }
        live.onFailure(new IllegalStateException("out of memory", new OutOfMemoryError()));
        assertEquals(live.getString(R.string.out_of_memory), message(live));
        controller.pause().resume();
        shadowOf(Looper.getMainLooper()).idle();
        assertEquals("", message(live));
    }
}
