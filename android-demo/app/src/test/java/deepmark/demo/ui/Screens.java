package deepmark.demo.ui;

import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Rect;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Pictures of screens, and what must hold for every view in them. */
final class Screens {
    private static final int TARGET_DP = 48;

    private Screens() {}

    /** Draw a screen into the folder of pictures. */
    static Bitmap draw(Activity activity, String name) {
        View root = activity.getWindow().getDecorView();
        root.jumpDrawablesToCurrentState();
        Bitmap picture =
                Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
        root.draw(new Canvas(picture));
        File folder = new File(System.getProperty("deepmark.pictures"));
        folder.mkdirs();
        try (FileOutputStream to = new FileOutputStream(new File(folder, name + ".png"))) {
            picture.compress(Bitmap.CompressFormat.PNG, 100, to);
        } catch (IOException error) {
            throw new AssertionError(error);
        }
        return picture;
    }

    /** What somebody with a screen reader, a large font or a large finger could not use. */
    static List<String> faults(Activity activity) {
        List<String> faults = new ArrayList<>();
        float density = activity.getResources().getDisplayMetrics().density;
        walk(activity.findViewById(android.R.id.content), density, faults);
        return faults;
    }

    private static void walk(View view, float density, List<String> faults) {
        if (view.getVisibility() != View.VISIBLE) return;
        String name = name(view);
        if (view.isClickable() && view.getWidth() > 0) {
            boolean named =
                    view.getContentDescription() != null
                            || (view instanceof TextView text && text.getText().length() > 0);
            if (!named) faults.add(name + " has no text and no description");
            int least = Math.round(TARGET_DP * density);
            if (!(view instanceof TextView text && text.isTextSelectable())
                    && (view.getHeight() < least || view.getWidth() < least))
                faults.add(name + " is smaller than 48 dp");
        }
        if (view instanceof TextView text && text.getLayout() != null && view.getWidth() > 0) {
            int room =
                    text.getHeight()
                            - text.getCompoundPaddingTop()
                            - text.getCompoundPaddingBottom();
            if (text.getLayout().getHeight() > room + density)
                faults.add(name + " is cut: " + text.getText());
        }
        Rect shown = new Rect();
        boolean seen = view.getGlobalVisibleRect(shown);
        if (view.isClickable() && view.getWidth() > 0 && !seen && !scrolls(view))
            faults.add(name + " is outside");
        if (view instanceof ViewGroup group) {
            for (int i = 0; i < group.getChildCount(); i++)
                walk(group.getChildAt(i), density, faults);
        }
    }

    private static boolean scrolls(View view) {
        for (var parent = view.getParent();
                parent instanceof View above;
                parent = above.getParent()) {
            if (above instanceof android.widget.ScrollView
                    || above instanceof android.widget.HorizontalScrollView) {
                return true;
            }
        }
        return false;
    }

    private static String name(View view) {
        String id =
                view.getId() == View.NO_ID || view.getId() >> 24 == 0
                        ? ""
                        : view.getResources().getResourceEntryName(view.getId());
        return view.getClass().getSimpleName() + " " + id;
    }

    /** Require a screen without faults. */
    static void check(Activity activity) {
        List<String> faults = faults(activity);
        assertTrue(activity.getClass().getSimpleName() + ": " + faults, faults.isEmpty());
    }
}
