package deepmark.demo.ui;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.pm.ActivityInfo;
import android.os.Build;
import android.os.Looper;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.engine.Way;
import deepmark.demo.model.Models;
import deepmark.demo.model.SearchStore;
import deepmark.demo.model.SearchTable;
import deepmark.demo.model.TriedWay;
import deepmark.demo.model.TriedWay.State;
import deepmark.demo.settings.Settings;

import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

import java.util.ArrayList;
import java.util.List;

/** The search's screen: what was found, what is taken, and what goes on. */
@RunWith(RobolectricTestRunner.class)
public final class SearchActivityTest {
    private static final BundleIndex.Entry SHIRT =
            new BundleIndex.Entry("shirt", "a".repeat(64), List.of());
    private static final BundleIndex.Entry SKIRT =
            new BundleIndex.Entry("skirt", "b".repeat(64), List.of());
    private static final String REFUSAL =
            "5 of 112 operators would run on the CPU: ConvTranspose_12 (DeconvolutionDepthwise)";

    private DemoApp app;

    @Before
    public void useModels() {
        RuntimeEnvironment.setQualifiers("en-w400dp-h880dp-xhdpi");
        app = DemoApp.of(RuntimeEnvironment.getApplication());
        app.useModels(new Models(app, new BundleIndex(false, "tests", List.of(SHIRT, SKIRT))));
    }

    private static TriedWay measured(Way way, double ms, double mib, double warmer) {
        return new TriedWay(way, State.MEASURED, "", ms, mib, warmer);
    }

    /** A table as a phone may give it: its buffers lack an operator, one way ends the app. */
    private static SearchTable finished(double warmer) {
        List<TriedWay> rows = new ArrayList<>();
        for (Way way : Way.all()) {
            boolean half = way.precision() != Precision.FP32;
            TriedWay row =
                    switch (way.compute()) {
                        case CPU ->
                                measured(
                                        way,
                                        (half ? 70 : 110) / way.threads() + 12.34,
                                        half ? 180 : 210,
                                        warmer * way.threads());
                        case OPENCL ->
                                way.storage() == Storage.BUFFER
                                        ? row(way, State.REFUSED, REFUSAL)
                                        : way.precision() == Precision.FP16_SUMS
                                                ? row(way, State.DIFFERS, "")
                                                : measured(
                                                        way,
                                                        half ? 19 : 25,
                                                        260,
                                                        half ? warmer / 2 : warmer);
                        case VULKAN -> row(way, State.ENDED_APP, "");
                    };
            rows.add(row);
        }
        return new SearchTable(rows);
    }

    private static TriedWay row(Way way, State state, String reason) {
        return new TriedWay(way, state, reason, Double.NaN, Double.NaN, Double.NaN);
    }

    private SearchActivity show(SearchTable known) throws Exception {
        String version = app.getPackageManager().getPackageInfo("deepmark.demo", 0).versionName;
        new SearchStore(app, version).write(SHIRT, known);
        return Robolectric.buildActivity(SearchActivity.class).setup().get();
    }

    private static String text(View in, int view) {
        TextView line = in.findViewById(view);
        return line.getVisibility() == View.VISIBLE ? line.getText().toString() : "";
    }

    /** What the first row in a view says. */
    private static String row(View in) {
        return text(in, R.id.way) + ": " + text(in, R.id.finding);
    }

    private static List<View> cards(SearchActivity search) {
        ViewGroup all = search.findViewById(R.id.cards);
        List<View> cards = new ArrayList<>();
        for (int i = 0; i < all.getChildCount(); i++) cards.add(all.getChildAt(i));
        return cards;
    }

    private static View card(SearchActivity search, String title) {
        for (View card : cards(search)) if (text(card, R.id.title).equals(title)) return card;
        throw new AssertionError("no card " + title);
    }

    @Test
    public void theBestAreNamedAndOneIsTakenForTheModel() throws Exception {
        SearchActivity search = show(finished(0.2));
        assertEquals(
                "OpenCL · image · normal: 19.0 ms · 52.6 frames/s · 260 MiB · +0.1 °C warmer",
                row(card(search, "Fastest · Least heat")));
        assertEquals(
                "CPU · fp16 · 1 thread: 82.3 ms · 12.1 frames/s · 180 MiB · +0.2 °C warmer",
                row(card(search, "Least memory")));
        Button take = card(search, "Fastest · Least heat").findViewById(R.id.take);
        assertEquals("Use OpenCL · image · normal", take.getContentDescription());
        take.performClick();
        View taken = card(search, "Fastest · Least heat");
        assertEquals(search.getString(R.string.taken), text(taken, R.id.verdict));
        assertEquals(View.GONE, taken.findViewById(R.id.take).getVisibility());
        Settings now = app.settings().read();
        assertEquals("opencl image normal", now.way().arithmetic());
        Settings other = app.settings().withBundle(now, "skirt");
        app.settings().write(other.withWay(Way.ofCpu(Precision.FP32, 2)));
        Settings back = app.settings().withBundle(app.settings().read(), "shirt");
        assertEquals("opencl image normal", back.way().arithmetic());
    }

    @Test
    public void everyWayStaysInTheTableWithItsReason() throws Exception {
        SearchActivity search = show(finished(0.2));
        ViewGroup all = (ViewGroup) card(search, "All ways");
        List<String> found = new ArrayList<>();
        for (int i = 0; i < all.getChildCount(); i++) {
            View row = all.getChildAt(i);
            if (row.findViewById(R.id.way) != null) found.add(row(row));
        }
        assertEquals(14, found.size());
        assertTrue(found.get(0), found.get(0).startsWith("OpenCL · image · normal: 19.0 ms"));
        assertTrue(found.contains("OpenCL · image · low: Differs on this phone"));
        assertTrue(found.contains("OpenCL · buffer · low: " + REFUSAL));
        assertTrue(found.contains("Vulkan · high: The app ended while it tried this: left out"));
        assertTrue(search.findViewById(R.id.share).isEnabled());
        assertEquals(search.getString(R.string.search_again), text(search.start(), R.id.start));
    }

    @Test
    public void whereNoTemperatureCanBeReadThatIsSaid() throws Exception {
        SearchActivity search = show(finished(Double.NaN));
        card(search, "Fastest");
        assertEquals(
                search.getString(R.string.no_temperature),
                text(card(search, "All ways"), R.id.body));
    }

    @Test
    public void aWayThatEndedTheAppIsNamedAndTheSearchGoesOn() throws Exception {
        List<TriedWay> rows = new ArrayList<>(SearchTable.fresh().rows());
        rows.set(0, row(rows.get(0).way(), State.RIGHT, ""));
        rows.set(6, row(rows.get(6).way(), State.ENDED_APP, ""));
        SearchActivity search = show(new SearchTable(rows));
        assertEquals(
                "The app ended while it tried OpenCL · image · high. The search goes on without"
                        + " it.",
                text(cards(search).get(0), R.id.verdict));
        assertEquals(search.getString(R.string.go_on), text(search.start(), R.id.start));
        assertFalse(search.findViewById(R.id.share).isEnabled());
    }

    /** Search to the end. */
    private static void search(SearchActivity search) throws InterruptedException {
        search.start().performClick();
        String stop = search.getString(R.string.stop);
        assertEquals(stop, text(search.start(), R.id.start));
        long end = System.nanoTime() + 60_000_000_000L;
        while (text(search.start(), R.id.start).equals(stop)) {
            assertTrue("waited too long", System.nanoTime() < end);
            Thread.sleep(5);
            shadowOf(Looper.getMainLooper()).idle();
        }
    }

    @Test
    public void aModelThatCannotBeUnpackedIsTold() throws Exception {
        BundleIndex.FileEntry missing = new BundleIndex.FileEntry("model.mnn", 10, "c".repeat(64));
        BundleIndex.Entry broken =
                new BundleIndex.Entry("broken", SHIRT.sha256(), List.of(missing));
        app.useModels(new Models(app, new BundleIndex(false, "tests", List.of(broken))));
        SearchActivity search = show(SearchTable.fresh());
        search(search);
        String told = text(cards(search).get(0), R.id.verdict);
        assertTrue(told, told.contains("model.mnn"));
        assertEquals(search.getString(R.string.start_search), text(search.start(), R.id.start));
    }

    /** A model without its files, which the engine refuses, where there is one. */
    @Test
    public void whereEveryWayIsRefusedNothingIsNamed() throws Exception {
        SearchActivity search = show(SearchTable.fresh());
        search(search);
        assertEquals(
                search.getString(R.string.nothing_right), text(cards(search).get(1), R.id.verdict));
        assertFalse(text(card(search, "All ways"), R.id.finding).isEmpty());
        assertFalse("there is nothing to share", search.findViewById(R.id.share).isEnabled());
    }

    @Test
    public void aPauseStopsItAndIsTold() throws Exception {
        show(SearchTable.fresh());
        ActivityController<SearchActivity> controller =
                Robolectric.buildActivity(SearchActivity.class).setup();
        SearchActivity search = controller.get();
        search.start().performClick();
        assertEquals(ActivityInfo.SCREEN_ORIENTATION_LOCKED, search.getRequestedOrientation());
        controller.pause();
        assertEquals(search.getString(R.string.stopped), text(cards(search).get(0), R.id.verdict));
        assertEquals(ActivityInfo.SCREEN_ORIENTATION_UNSPECIFIED, search.getRequestedOrientation());
        assertEquals(View.GONE, search.progress().getVisibility());
    }

    @Test
    public void nothingIsCutInAnyLanguageLightSizeOrFont() throws Exception {
        String[] looks = {
            "en-w400dp-h880dp-notnight-xhdpi",
            "de-w400dp-h880dp-night-xhdpi",
            "de-w880dp-h400dp-land-notnight-xhdpi",
            "de-w320dp-h280dp-notnight-xhdpi"
        };
        for (String look : looks) {
            RuntimeEnvironment.setQualifiers(look);
            RuntimeEnvironment.setFontScale(look.contains("-night") ? 2 : 1);
            SearchActivity search = show(finished(0.2));
            String name = "api" + Build.VERSION.SDK_INT + "-search-" + look.replace("+", "");
            Screens.draw(search, name);
            Screens.check(search);
            search.finish();
        }
    }
}
