package deepmark.demo.ui;

import android.content.res.Resources;

import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.camera.CameraScreen;
import deepmark.demo.engine.Way;
import deepmark.demo.model.TriedWay;

import java.util.Locale;

/** What the app says of troubles and numbers, in the user's language. */
final class Sentences {
    private Sentences() {}

    /** Return a sentence for a failure of a model. */
    static String ofFailure(Resources from, Throwable error) {
        if (error instanceof BundleException bundle) {
            int text =
                    switch (bundle.kind()) {
                        case DAMAGED -> R.string.bundle_damaged;
                        case NEWER -> R.string.bundle_newer;
                        case NO_SPACE -> R.string.bundle_no_space;
                        case STORAGE -> R.string.bundle_storage;
                    };
            return from.getString(text, bundle.getMessage());
        }
        if (error instanceof OutOfMemoryError || error.getCause() instanceof OutOfMemoryError) {
            return from.getString(R.string.out_of_memory);
        }
        return from.getString(R.string.engine_failed, error.getMessage());
    }

    /** Return the sentence for what keeps the camera's picture away; 0 for nothing. */
    static int ofTrouble(CameraScreen.Trouble trouble) {
        return switch (trouble) {
            case NONE -> 0;
            case PERMISSION -> R.string.permission_refused;
            case PERMISSION_FOR_GOOD -> R.string.permission_refused_for_good;
            case NO_CAMERA -> R.string.no_camera;
            case TAKEN -> R.string.camera_taken;
            case LOST -> R.string.camera_lost;
            case DISABLED -> R.string.camera_disabled;
            case FAILED -> R.string.camera_failed;
        };
    }

    /** Return a thermal status in words. */
    static String ofHeat(Resources from, int status) {
        String[] words = from.getStringArray(R.array.thermal);
        return status >= 0 && status < words.length
                ? words[status]
                : from.getString(R.string.thermal_unknown);
    }

    /** Return what computes, and in which arithmetic, in the words of the search. */
    static String ofWay(Resources from, Way way) {
        return switch (way.compute()) {
            case CPU ->
                    "CPU · "
                            + way.arithmetic()
                            + " · "
                            + from.getQuantityString(
                                    R.plurals.threads, way.threads(), way.threads());
            case OPENCL -> way.arithmetic().replace("opencl", "OpenCL").replace(" ", " · ");
            case VULKAN -> way.arithmetic().replace("vulkan", "Vulkan").replace(" ", " · ");
        };
    }

    /** Return what a search found out about a way. */
    static String ofFinding(Resources from, TriedWay row) {
        return switch (row.state()) {
            case WAITING -> from.getString(R.string.way_waiting);
            case TRYING -> from.getString(R.string.way_trying);
            case RIGHT -> from.getString(R.string.way_right);
            case DIFFERS -> from.getString(R.string.not_equal);
            case REFUSED -> row.reason();
            case ENDED_APP -> from.getString(R.string.way_ended_app);
            case MEASURED ->
                    from.getString(
                            R.string.way_numbers,
                            number(row.totalMs(), 1),
                            number(1000 / row.totalMs(), 1),
                            number(row.peakMib(), 0),
                            signed(row.warmerC()));
        };
    }

    private static String signed(double value) {
        return value > 0 ? "+" + number(value, 1) : number(value, 1);
    }

    /** Return a number with some digits after the comma; a dash for none. */
    static String number(double value, int digits) {
        if (Double.isNaN(value) || Double.isInfinite(value)) return "–";
        return String.format(Locale.getDefault(), "%." + digits + "f", value);
    }
}
