package deepmark.demo.ui;

import android.content.res.Resources;

import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.camera.CameraScreen;

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

    /** Return a number with some digits after the comma; a dash for none. */
    static String number(double value, int digits) {
        if (Double.isNaN(value) || Double.isInfinite(value)) return "–";
        return String.format(Locale.getDefault(), "%." + digits + "f", value);
    }
}
