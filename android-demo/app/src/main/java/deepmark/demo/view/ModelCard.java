package deepmark.demo.view;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.util.ArrayList;
import java.util.List;

/**
 * What the app must know of a model to show its results: read from the engine's description.
 *
 * @param name name of the model
 * @param precision number format of its weights
 * @param inputWidth width of the network's input in pixels
 * @param inputHeight height of the network's input in pixels
 * @param classes classes in the network's order
 * @param mnnVersion version of the MNN that computes
 * @param precisionUsed arithmetic that MNN really uses
 * @param threadsUsed threads that MNN really uses; 0 on a GPU
 * @param placement where a GPU's operators ran, in words; empty on the CPU
 */
public record ModelCard(
        String name,
        String precision,
        int inputWidth,
        int inputHeight,
        List<GarmentClass> classes,
        String mnnVersion,
        String precisionUsed,
        int threadsUsed,
        String placement) {
    /**
     * One class.
     *
     * @param name its name
     * @param landmarks names of its landmarks, in the order of the results; empty where the model
     *     has none
     * @param outline lines through landmarks, each a list of indices; empty for points only
     */
    public record GarmentClass(String name, List<String> landmarks, List<int[]> outline) {}

    /**
     * Read what {@code Detector.describe} gives.
     *
     * @throws IllegalArgumentException a field is missing or of another type
     */
    public static ModelCard read(String description) {
        try {
            JSONObject from = new JSONObject(description);
            JSONObject input = from.getJSONObject("input");
            JSONObject engine = from.getJSONObject("engine");
            JSONObject gpu = engine.optJSONObject("gpu");
            List<GarmentClass> classes = new ArrayList<>();
            JSONArray listed = from.getJSONArray("classes");
            for (int i = 0; i < listed.length(); i++)
                classes.add(garmentClass(listed.getJSONObject(i)));
            return new ModelCard(
                    from.getString("name"),
                    from.getString("precision"),
                    input.getInt("width"),
                    input.getInt("height"),
                    List.copyOf(classes),
                    engine.getString("mnn_version"),
                    engine.getString("precision_used"),
                    engine.getInt("threads_used"),
                    gpu == null ? "" : gpu.getString("placement"));
        } catch (JSONException broken) {
            throw new IllegalArgumentException(
                    "the engine describes its model otherwise: " + broken.getMessage());
        }
    }

    private static GarmentClass garmentClass(JSONObject from) throws JSONException {
        List<String> landmarks = new ArrayList<>();
        JSONArray names = from.getJSONArray("landmarks");
        for (int i = 0; i < names.length(); i++) landmarks.add(names.getString(i));
        List<int[]> outline = new ArrayList<>();
        JSONArray lines = from.getJSONArray("outline");
        for (int i = 0; i < lines.length(); i++) {
            JSONArray line = lines.getJSONArray(i);
            int[] points = new int[line.length()];
            for (int p = 0; p < points.length; p++) points[p] = line.getInt(p);
            outline.add(points);
        }
        return new GarmentClass(
                from.getString("name"), List.copyOf(landmarks), List.copyOf(outline));
    }

    /** Return the name of a class; its number where the model has none. */
    public String className(int classId) {
        return classId < classes.size() ? classes.get(classId).name() : "class " + classId;
    }
}
