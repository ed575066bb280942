package deepmark.demo.model;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings;
import deepmark.demo.engine.Verification;

import org.json.JSONException;
import org.json.JSONObject;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A bundle's golden vectors on this phone: what the network gave when it was exported, against what
 * it gives here.
 *
 * @param equal whether all are equal
 * @param vectors one result for each vector
 * @param placement where a GPU's operators ran, in words; empty on the CPU
 */
public record SelfTest(boolean equal, List<VectorResult> vectors, String placement) {

    /**
     * One vector.
     *
     * @param number its number in the bundle
     * @param equal whether heads and objects are equal, within the tolerances of the export
     * @param toleranceUsed largest share of the heads' tolerance that was used; above 1 a head
     *     differs
     * @param objects objects that must be found
     * @param matched objects that were found
     * @param landmarkError largest distance of a landmark, in heatmap cells
     */
    public record VectorResult(
            String number,
            boolean equal,
            double toleranceUsed,
            int objects,
            int matched,
            double landmarkError) {}

    /**
     * Run the vectors of a model and keep the verdict.
     *
     * @throws BundleException the model cannot be unpacked
     * @throws EngineException the engine refuses it
     * @throws CancellationException it was cancelled
     */
    public static SelfTest run(
            Models models, BundleIndex.Entry entry, EngineSettings engine, AtomicBoolean cancel)
            throws BundleException, EngineException {
        List<VectorResult> vectors = new ArrayList<>();
        String[] placement = {""};
        boolean equal;
        GpuTrial.Mark mark = models.trial().begin(engine.way());
        try {
            equal =
                    Verification.run(
                            models.folder(entry),
                            models.keepingKernels(engine),
                            line -> {
                                VectorResult one = read(line);
                                if (one != null) vectors.add(one);
                                else placement[0] = placement(line);
                            },
                            cancel);
        } finally {
            mark.end();
        }
        models.keepVerdict(entry, engine.way(), equal);
        return new SelfTest(equal, List.copyOf(vectors), placement[0]);
    }

    /** Read where a GPU's operators ran, of the last line; empty on the CPU. */
    static String placement(String line) {
        try {
            JSONObject gpu = new JSONObject(line).optJSONObject("gpu");
            return gpu == null ? "" : gpu.getString("placement");
        } catch (JSONException broken) {
            throw new IllegalStateException("the engine reports otherwise: " + line, broken);
        }
    }

    /** Read a line of the verification; null for one that is of no vector. */
    static VectorResult read(String line) {
        try {
            JSONObject event = new JSONObject(line);
            if (!event.getString("event").equals("vector")) return null;
            JSONObject heads = event.getJSONObject("heads");
            double used = 0;
            for (var names = heads.keys(); names.hasNext(); ) {
                used =
                        Math.max(
                                used,
                                heads.getJSONObject(names.next())
                                        .optDouble("tolerance_used", Double.POSITIVE_INFINITY));
            }
            JSONObject objects = event.getJSONObject("objects");
            return new VectorResult(
                    event.getString("number"),
                    event.getBoolean("equal"),
                    used,
                    objects.getInt("expected"),
                    objects.getInt("matched"),
                    objects.optDouble("max_landmark_error", Double.POSITIVE_INFINITY));
        } catch (JSONException broken) {
            throw new IllegalStateException("the engine reports otherwise: " + line, broken);
        }
    }
}
