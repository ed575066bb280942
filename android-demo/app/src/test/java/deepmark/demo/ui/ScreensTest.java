package deepmark.demo.ui;

import static org.junit.Assert.assertEquals;

import android.app.Activity;
import android.view.View;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.model.Models;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.util.List;

/**
 * Every screen in both languages, by day and night, and with the largest font: nothing is cut,
 * nothing unreachable.
 */
@RunWith(RobolectricTestRunner.class)
public final class ScreensTest {
    private static final List<Class<? extends Activity>> SCREENS =
            List.of(
                    LiveActivity.class,
                    PicturesActivity.class,
                    SelfTestActivity.class,
                    BenchmarkActivity.class,
                    SearchActivity.class,
                    AboutActivity.class);

    private static Activity show(Class<? extends Activity> screen) {
        DemoApp app = DemoApp.of(RuntimeEnvironment.getApplication());
        app.useCameras(new FakeCameras());
        app.useModels(
                new Models(
                        app,
                        new BundleIndex(
                                true, "tests", List.of()))); // EngineScreensTest has real ones
        return Robolectric.buildActivity(screen).setup().get();
    }

    private static void all(String qualifiers, float font) {
        RuntimeEnvironment.setQualifiers(qualifiers);
        RuntimeEnvironment.setFontScale(font);
        for (Class<? extends Activity> screen : SCREENS) {
            Activity shown = show(screen);
            String level = "api" + RuntimeEnvironment.getApiLevel();
            Screens.draw(
                    shown,
                    level
                            + "-"
                            + screen.getSimpleName()
                            + "-"
                            + qualifiers.replace("+", "")
                            + "-"
                            + font);
            Screens.check(shown);
            shown.finish();
        }
    }

    @Test
    public void english() {
        all("en-w400dp-h880dp-notnight-xhdpi", 1);
    }

    @Test
    public void germanByNightWithTheLargestFont() {
        all("de-w400dp-h880dp-night-xhdpi", 2);
    }

    @Test
    public void germanOnItsSide() {
        all("de-w880dp-h400dp-land-notnight-xhdpi", 1);
    }

    /** Half of a small phone's screen, as in the system's split screen. */
    @Test
    public void germanInASmallWindow() {
        all("de-w320dp-h280dp-notnight-xhdpi", 1);
    }

    @Test
    public void controlsOpenAndNothingIsCut() {
        RuntimeEnvironment.setQualifiers("de-w400dp-h880dp-notnight-xhdpi");
        Activity live = show(LiveActivity.class);
        live.findViewById(R.id.show_controls).performClick();
        org.robolectric.Shadows.shadowOf(android.os.Looper.getMainLooper()).idle();
        Screens.draw(live, "api" + RuntimeEnvironment.getApiLevel() + "-controls");
        assertEquals(View.VISIBLE, live.findViewById(R.id.controls).getVisibility());
        Screens.check(live);
    }
}
