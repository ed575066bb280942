package deepmark.demo.view;

import static org.junit.Assume.assumeTrue;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Canvas;

import deepmark.demo.engine.Found;
import deepmark.demo.engine.Garment;
import deepmark.demo.engine.Landmark;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/**
 * Draws what was found in pictures, for tests/exporter/android/test_app.py to compare with what
 * {@code deepmark detect} draws: it writes NAME.png and NAME.json into a folder, and finds
 * NAME-apiNN.png there.
 */
@RunWith(RobolectricTestRunner.class)
public final class OverlayTest {
    @Test
    public void drawsWhatPythonDraws() throws IOException, JSONException {
        String folder = System.getProperty("deepmark.overlay", "");
        assumeTrue("only where Python prepared pictures", !folder.isEmpty());
        File[] records = new File(folder).listFiles((parent, name) -> name.endsWith(".json"));
        for (File record : records) draw(record);
    }

    private static void draw(File record) throws IOException, JSONException {
        String base = record.getPath().replaceAll("\\.json$", "");
        JSONObject document = new JSONObject(Files.readString(record.toPath()));
        Bitmap picture;
        try (FileInputStream from = new FileInputStream(base + ".png")) {
            picture = BitmapFactory.decodeStream(from).copy(Bitmap.Config.ARGB_8888, true);
        }
        int width = picture.getWidth();
        int height = picture.getHeight();
        Found found = found(document, width, height);
        ModelCard card = ModelCard.read(document.getJSONObject("description").toString());
        FrameGeometry at = FrameGeometry.ofPicture(width, height, width, height);
        new OverlayPainter().drawGarments(new Canvas(picture), found, card, at, 1);
        String name = base + "-api" + android.os.Build.VERSION.SDK_INT + ".png";
        try (FileOutputStream to = new FileOutputStream(name)) {
            picture.compress(Bitmap.CompressFormat.PNG, 100, to);
        }
    }

    private static Found found(JSONObject document, int width, int height) throws JSONException {
        List<Garment> garments = new ArrayList<>();
        JSONArray listed = document.getJSONArray("detections");
        for (int i = 0; i < listed.length(); i++) {
            JSONObject one = listed.getJSONObject(i);
            JSONArray box = one.getJSONArray("box");
            List<Landmark> landmarks = new ArrayList<>();
            JSONArray points = one.getJSONArray("keypoints");
            for (int p = 0; p < points.length(); p++) {
                JSONArray point = points.getJSONArray(p);
                landmarks.add(
                        new Landmark(
                                (float) point.getDouble(0),
                                (float) point.getDouble(1),
                                (float) point.getDouble(2),
                                point.getBoolean(3)));
            }
            garments.add(
                    new Garment(
                            one.getInt("class_id"),
                            (float) one.getDouble("score"),
                            0,
                            0,
                            (float) box.getDouble(0),
                            (float) box.getDouble(1),
                            (float) box.getDouble(2),
                            (float) box.getDouble(3),
                            landmarks));
        }
        return new Found(width, height, garments, 0, 0, 0);
    }
}
