package deepmark.demo.ui;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.graphics.drawable.BitmapDrawable;
import android.net.Uri;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Looper;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Switch;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.camera.CameraScreen.Event;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.model.Measurement;
import deepmark.demo.model.SearchStore;
import deepmark.demo.model.TriedWay;
import deepmark.demo.model.WaySearch;
import deepmark.demo.view.FrameGeometry;

import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.util.ReflectionHelpers;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Screens with the real engine and a real model: what is shown is what was computed. */
@RunWith(EngineRunner.class)
@Config(sdk = 34)
public final class EngineScreensTest {
    private static final long PATIENCE_NS = 120_000_000_000L;

    private final FakeCameras cameras = new FakeCameras();

    @Before
    public void useEngine() {
        assumeTrue(
                "only where Python built the engine",
                !System.getProperty("deepmark.libraries", "").isEmpty());
        RuntimeEnvironment.setQualifiers("en-w400dp-h880dp-xhdpi");
        DemoApp.of(RuntimeEnvironment.getApplication()).useCameras(cameras);
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
    }

    /** Let the threads of the app work until something is true. */
    private static void await(String what, BooleanSupplier is) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE_NS;
        while (!is.getAsBoolean()) {
            assertTrue("waited too long for " + what, System.nanoTime() < end);
            Thread.sleep(20);
            shadowOf(Looper.getMainLooper()).idle();
        }
    }

    private static String text(Activity activity, int view) {
        TextView line = activity.findViewById(view);
        return line.getText().toString();
    }

    private static String name(String screen) {
        return "api" + RuntimeEnvironment.getApiLevel() + "-engine-" + screen;
    }

    private static Bitmap sample() throws IOException {
        try (InputStream from =
                RuntimeEnvironment.getApplication().getAssets().open("samples/sample0.png")) {
            return BitmapFactory.decodeStream(from);
        }
    }

    @Test
    public void aSampleIsAnalysedAndSwitchesChangeWhatIsFound() throws Exception {
        PicturesActivity pictures = Robolectric.buildActivity(PicturesActivity.class).setup().get();
        await("a result", () -> pictures.findViewById(R.id.share).isEnabled());
        assertTrue(
                text(pictures, R.id.summary),
                text(pictures, R.id.summary).matches("[1-9]\\d* garments?, \\d+ ms"));
        Screens.draw(pictures, name("pictures"));
        Screens.check(pictures);
        pictures.findViewById(R.id.share).performClick();
        Intent send =
                shadowOf(pictures).getNextStartedActivity().getParcelableExtra(Intent.EXTRA_INTENT);
        List<Uri> files = send.getParcelableArrayListExtra(Intent.EXTRA_STREAM);
        try (InputStream from = pictures.getContentResolver().openInputStream(files.get(1))) {
            JSONObject record = new JSONObject(new String(from.readAllBytes(), "UTF-8"));
            assertEquals("sample0.png", record.getString("source"));
            assertTrue(record.getJSONArray("detections").length() > 0);
        }
        String before = text(pictures, R.id.summary);
        Switch rescoring = pictures.findViewById(R.id.technique1);
        rescoring.performClick();
        await("another result", () -> !text(pictures, R.id.summary).equals(before));
        assertFalse(DemoApp.of(pictures).settings().read().decoding().has(1));
        pictures.finish();
    }

    @Test
    @Config(sdk = 34)
    public void aPictureOfOnePixelAndOneOfFortyEightMillionAreAnalysed() throws Exception {
        PicturesActivity pictures = Robolectric.buildActivity(PicturesActivity.class).setup().get();
        int[][] sizes = {{1, 1}, {1, 4000}, {8000, 6000}};
        for (int[] size : sizes) {
            await("the one before", () -> pictures.findViewById(R.id.share).isEnabled());
            Uri address = Uri.parse("content://other.app/" + size[0] + ".png");
            byte[] file = PngFile.of(size[0], size[1]);
            shadowOf(pictures.getContentResolver())
                    .registerInputStreamSupplier(address, () -> new ByteArrayInputStream(file));
            pictures.onActivityResult(1, Activity.RESULT_OK, new Intent().setData(address));
            assertFalse(pictures.findViewById(R.id.share).isEnabled());
            await(size[0] + " pixels", () -> pictures.findViewById(R.id.share).isEnabled());
            assertTrue(
                    text(pictures, R.id.summary),
                    text(pictures, R.id.summary).matches("\\d+ garments?, \\d+ ms.*"));
            Screens.draw(pictures, name("picture-" + size[0] + "x" + size[1]));
            pictures.findViewById(R.id.share).performClick();
            assertEquals(
                    Intent.ACTION_CHOOSER, shadowOf(pictures).getNextStartedActivity().getAction());
        }
        assertTrue(text(pictures, R.id.summary).endsWith("reduced to 4000 × 3000 pixels"));
        pictures.finish();
    }

    @Test
    public void theSelfTestIsGreenInFp32() throws Exception {
        SelfTestActivity test = Robolectric.buildActivity(SelfTestActivity.class).setup().get();
        test.findViewById(R.id.start).performClick();
        ViewGroup cards = test.findViewById(R.id.cards);
        await("both precisions", () -> cards.getChildCount() == 2);
        shadowOf(Looper.getMainLooper()).idle();
        for (int i = 0; i < 2; i++) {
            TextView verdict = cards.getChildAt(i).findViewById(R.id.verdict);
            assertEquals(test.getString(R.string.all_equal), verdict.getText().toString());
        }
        Screens.draw(test, name("self-test"));
        Screens.check(test);
        test.finish();
    }

    @Test
    @SuppressWarnings("deprecation") // sticky broadcasts are the system's
    public void aSearchMeasuresWhatIsRightAndSharesIt() throws Exception {
        DemoApp app = DemoApp.of(RuntimeEnvironment.getApplication());
        app.sendStickyBroadcast(
                new Intent(Intent.ACTION_BATTERY_CHANGED)
                        .putExtra(BatteryManager.EXTRA_TEMPERATURE, 300));
        app.useSearchPlan(new WaySearch.Plan(1, new Measurement.Length(0.02, 0)));
        ReflectionHelpers.setStaticField(
                Build.class, "SUPPORTED_ABIS", new String[] {"arm64-v8a"}); // of a phone
        SearchActivity search = Robolectric.buildActivity(SearchActivity.class).setup().get();
        Screens.draw(search, name("search-before"));
        search.start().performClick();
        String again = search.getString(R.string.search_again);
        await("the end", () -> search.start().getText().toString().equals(again));
        Screens.draw(search, name("search"));
        Screens.check(search);
        BundleIndex.Entry entry = app.models().chosen(app.settings().read());
        List<TriedWay> rows = new SearchStore(search, search.version()).read(entry).rows();
        for (TriedWay row : rows) {
            boolean cpu = row.way().compute() == Compute.CPU;
            TriedWay.State expected = cpu ? TriedWay.State.MEASURED : TriedWay.State.REFUSED;
            assertEquals(row.way() + ": " + row.reason(), expected, row.state());
        }
        search.share().performClick();
        Intent send =
                shadowOf(search).getNextStartedActivity().getParcelableExtra(Intent.EXTRA_INTENT);
        List<Uri> files = send.getParcelableArrayListExtra(Intent.EXTRA_STREAM);
        assertEquals("a table, and a document for each way that was measured", 7, files.size());
        for (Uri one : files) {
            // Python reads them where it started these tests.
            String to = System.getProperty("deepmark.shared");
            try (InputStream from = search.getContentResolver().openInputStream(one)) {
                byte[] content = from.readAllBytes();
                assertTrue(one.toString(), content.length > 0);
                if (!to.isEmpty()) Files.write(Path.of(to, one.getLastPathSegment()), content);
            }
        }
        search.finish();
    }

    @Test
    public void framesOfTheCameraAreAnalysedAfterTheModelIsTested() throws Exception {
        Bitmap sample = sample();
        int width = sample.getWidth() & ~1;
        int height = sample.getHeight() & ~1;
        cameras.all =
                List.of(
                        new deepmark.demo.camera.Cameras.Lens(
                                "0",
                                false,
                                90,
                                new deepmark.demo.camera.Cameras.Size(height, width),
                                new deepmark.demo.camera.Cameras.Size(height, width),
                                true));
        ActivityController<LiveActivity> controller =
                Robolectric.buildActivity(LiveActivity.class).setup();
        LiveActivity live = controller.get();
        live.onSurfaceTextureAvailable(new SurfaceTexture(0), 1, 1);
        shadowOf(Looper.getMainLooper()).idle();
        cameras.tell(Event.OPENED);
        cameras.tell(Event.STREAMING);
        byte[][] planes = sideways(sample, width, height);
        await(
                "numbers",
                () -> {
                    live.onFrame(
                            new FakeCameras.Frame(height, width, planes[0], planes[1], planes[2]));
                    return live.findViewById(R.id.numbers).getVisibility() == View.VISIBLE
                            && text(live, R.id.speed)
                                    .matches("\\d+\\.\\d frames/s · median \\d+ ms · p90 \\d+ ms");
                });
        assertEquals(View.GONE, live.findViewById(R.id.message).getVisibility());
        assertEquals(View.GONE, live.findViewById(R.id.banner).getVisibility());
        // Robolectric's preview stays empty: what a phone would show is laid behind it, by the same
        // geometry.
        View root = ((ViewGroup) live.findViewById(android.R.id.content)).getChildAt(0);
        FrameGeometry at =
                FrameGeometry.ofCamera(
                        90,
                        0,
                        false,
                        height,
                        width,
                        root.getWidth(),
                        root.getHeight(),
                        FrameGeometry.Fit.COVER);
        Bitmap behind =
                Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
        Matrix matrix = new Matrix();
        matrix.setScale(at.scale(), at.scale());
        matrix.postTranslate(at.left(), at.top());
        new android.graphics.Canvas(behind).drawBitmap(sample, matrix, null);
        root.setBackground(new BitmapDrawable(live.getResources(), behind));
        live.findViewById(R.id.preview).setVisibility(View.INVISIBLE);
        Bitmap screen = Screens.draw(live, name("live"));
        assertTrue("the overlay is drawn", differs(screen, behind, at));
        Screens.check(live);
        live.findViewById(R.id.show_controls).performClick();
        shadowOf(Looper.getMainLooper()).idle();
        Screens.draw(live, name("controls"));
        Screens.check(live);
        controller.pause().stop().destroy();
    }

    /** Whether something was drawn in the middle of the screen, where no panel lies. */
    private static boolean differs(Bitmap screen, Bitmap behind, FrameGeometry at) {
        int changed = 0;
        for (int y = at.viewHeight() / 4; y < at.viewHeight() * 3 / 4; y += 2) {
            for (int x = 0; x < at.viewWidth(); x += 2) {
                if (screen.getPixel(x, y) != behind.getPixel(x, y)) changed++;
            }
        }
        return changed > 200;
    }

    /**
     * The picture as the sensor of a phone reads it, which lies on its side: turned 90 degrees
     * counter-clockwise.
     */
    private static byte[][] sideways(Bitmap upright, int width, int height) {
        byte[] y = new byte[width * height];
        byte[] u = new byte[width * height / 4];
        byte[] v = new byte[width * height / 4];
        for (int row = 0; row < width; row++) {
            for (int column = 0; column < height; column++) {
                int pixel = upright.getPixel(width - 1 - row, column);
                int red = pixel >> 16 & 255;
                int green = pixel >> 8 & 255;
                int blue = pixel & 255;
                double luma = 0.299 * red + 0.587 * green + 0.114 * blue;
                y[row * height + column] = (byte) Math.round(luma);
                if (row % 2 == 0 && column % 2 == 0) {
                    int at = row / 2 * (height / 2) + column / 2;
                    u[at] =
                            (byte)
                                    Math.round(
                                            Math.max(
                                                    0, Math.min(255, 128 + (blue - luma) / 1.772)));
                    v[at] =
                            (byte)
                                    Math.round(
                                            Math.max(0, Math.min(255, 128 + (red - luma) / 1.402)));
                }
            }
        }
        return new byte[][] {y, u, v};
    }
}
