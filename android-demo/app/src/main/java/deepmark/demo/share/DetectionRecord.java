package deepmark.demo.share;

import deepmark.demo.engine.Found;
import deepmark.demo.engine.Garment;
import deepmark.demo.engine.Landmark;
import deepmark.demo.view.ModelCard;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * What was found in a picture as JSON: the record that {@code deepmark detect} writes
 * (runtime/media/records.py).
 *
 * <p>Positions are pixels of the upright picture, rounded to 0.01, scores to 0.0001. A keypoint is
 * {@code [x, y, score, refined]}.
 */
public final class DetectionRecord {
    private DetectionRecord() {}

    /**
     * Write a record.
     *
     * @param source name of the picture
     * @param output name of the annotated picture beside the record
     */
    public static String write(Found found, ModelCard card, String source, String output) {
        try {
            JSONArray detections = new JSONArray();
            for (Garment garment : found.garments()) detections.put(object(garment, card));
            return new JSONObject()
                    .put("source", source)
                    .put("frame", 0)
                    .put("width", found.width())
                    .put("height", found.height())
                    .put("output", output)
                    .put("detections", detections)
                    .toString();
        } catch (JSONException impossible) {
            throw new IllegalStateException(
                    "a result holds a number that JSON has not", impossible);
        }
    }

    private static JSONObject object(Garment garment, ModelCard card) throws JSONException {
        JSONArray keypoints = new JSONArray();
        for (Landmark point : garment.landmarks()) {
            keypoints.put(
                    new JSONArray()
                            .put(rounded(point.x(), 2))
                            .put(rounded(point.y(), 2))
                            .put(rounded(point.score(), 4))
                            .put(point.refined()));
        }
        JSONArray box =
                new JSONArray()
                        .put(rounded(garment.left(), 2))
                        .put(rounded(garment.top(), 2))
                        .put(rounded(garment.right(), 2))
                        .put(rounded(garment.bottom(), 2));
        return new JSONObject()
                .put("class", card.className(garment.classId()))
                .put("class_id", garment.classId())
                .put("score", rounded(garment.score(), 4))
                .put("box", box)
                .put("keypoints", keypoints);
    }

    /** Round as Python's round does: to the nearest, halves of the exact binary value to even. */
    private static double rounded(float value, int digits) {
        return new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
    }
}
