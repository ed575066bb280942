package deepmark.demo.ui;

import android.content.pm.ActivityInfo;
import android.net.Uri;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.View;
import android.view.WindowManager;
import android.widget.LinearLayout;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.Way;
import deepmark.demo.model.SearchStore;
import deepmark.demo.model.SearchTable;
import deepmark.demo.model.SearchTable.Goal;
import deepmark.demo.model.TriedWay;
import deepmark.demo.model.TriedWay.State;
import deepmark.demo.model.WaySearch;
import deepmark.demo.settings.Settings;
import deepmark.demo.settings.SettingsStore;
import deepmark.demo.share.SharedFiles;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Looks for the best way to compute the chosen model on this phone, and takes one. */
public final class SearchActivity extends ReportActivity {
    private final Handler main = new Handler(Looper.getMainLooper());
    private final List<View> rows = new ArrayList<>();
    private WaySearch.Plan plan;
    private SearchStore store;
    private BundleIndex.Entry entry;
    private SearchTable table;
    private View step;
    private AtomicBoolean running;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        store = new SearchStore(this, version());
        table = SearchTable.fresh();
        DemoApp app = DemoApp.of(this);
        plan = app.searchPlan();
        try {
            entry = app.models().chosen(app.settings().read());
            table = store.read(entry);
            show("");
        } catch (BundleException none) {
            String why = Sentences.ofFailure(getResources(), none);
            setVerdict(addCard(getString(R.string.search), ""), why, false);
        }
        share().setOnClickListener(view -> shareDocuments());
        button();
    }

    @Override
    protected void onPause() {
        // Behind another app the system gives fewer and slower cores: such numbers would be wrong.
        if (running != null) stop(getString(R.string.stopped));
        super.onPause();
    }

    private void button() {
        boolean on = running != null;
        int idle =
                table.isFresh()
                        ? R.string.start_search
                        : table.isFinished() ? R.string.search_again : R.string.go_on;
        start().setText(on ? R.string.stop : idle);
        start().setEnabled(entry != null);
        start().setOnClickListener(view -> toggle());
        share().setEnabled(!on && table.isFinished() && !table.best().isEmpty());
        progress().setVisibility(on ? View.VISIBLE : View.GONE);
        // Lying on a table a phone may take itself for turned; and a turned screen begins anew.
        setRequestedOrientation(
                on
                        ? ActivityInfo.SCREEN_ORIENTATION_LOCKED
                        : ActivityInfo.SCREEN_ORIENTATION_UNSPECIFIED);
        if (on) getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        else getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
    }

    /** Show what is known, and what is wrong, if anything is. */
    private void show(String trouble) {
        clearCards();
        int ways = table.rows().size();
        View intro =
                addCard(
                        getString(R.string.search),
                        getString(R.string.search_intro, entry.name(), ways));
        String left = trouble.isEmpty() ? leftOff() : trouble;
        if (!left.isEmpty()) setVerdict(intro, left, false);
        step = null;
        if (table.isFinished()) showBest();
        showRows();
    }

    /** Say that an earlier search goes on; empty where there is none. */
    private String leftOff() {
        if (table.isFresh() || table.isFinished()) return "";
        for (TriedWay row : table.rows())
            if (row.state() == State.ENDED_APP)
                return getString(
                        R.string.search_ended_app, Sentences.ofWay(getResources(), row.way()));
        return getString(R.string.search_left_off);
    }

    private void showBest() {
        Map<TriedWay, String> titles = new LinkedHashMap<>();
        table.best()
                .forEach(
                        (goal, row) ->
                                titles.merge(
                                        row, title(goal), (one, other) -> one + " · " + other));
        Way now = DemoApp.of(this).settings().read().way();
        titles.forEach(
                (row, title) -> {
                    LinearLayout card = (LinearLayout) addCard(title, "");
                    View take = card.findViewById(R.id.take);
                    card.addView(row(card, row), card.indexOfChild(take));
                    if (row.way().isLike(now)) {
                        setVerdict(card, getString(R.string.taken), true);
                        return;
                    }
                    String name = Sentences.ofWay(getResources(), row.way());
                    take.setVisibility(View.VISIBLE);
                    take.setContentDescription(getString(R.string.take_which, name));
                    take.setOnClickListener(view -> take(row.way()));
                });
        if (titles.isEmpty())
            setVerdict(
                    addCard(getString(R.string.search), ""),
                    getString(R.string.nothing_right),
                    false);
    }

    private String title(Goal goal) {
        return switch (goal) {
            case FASTEST -> getString(R.string.fastest);
            case LEAST_MEMORY -> getString(R.string.least_memory);
            case LEAST_HEAT -> getString(R.string.least_heat);
        };
    }

    private void take(Way way) {
        SettingsStore settings = DemoApp.of(this).settings();
        settings.write(settings.read().withWay(way));
        show("");
    }

    private void showRows() {
        boolean noHeat =
                table.isFinished()
                        && !table.best().isEmpty()
                        && !table.best().containsKey(Goal.LEAST_HEAT);
        String body = noHeat ? getString(R.string.no_temperature) : "";
        LinearLayout card = (LinearLayout) addCard(getString(R.string.all_ways), body);
        rows.clear();
        List<TriedWay> shown = table.isFinished() ? table.ranked() : table.rows();
        for (TriedWay one : shown) {
            View view = row(card, one);
            rows.add(view);
            card.addView(view);
        }
    }

    private View row(LinearLayout card, TriedWay row) {
        View view = getLayoutInflater().inflate(R.layout.search_row, card, false);
        fill(view, row);
        return view;
    }

    private void fill(View view, TriedWay row) {
        TextView name = view.findViewById(R.id.way);
        TextView finding = view.findViewById(R.id.finding);
        name.setText(Sentences.ofWay(getResources(), row.way()));
        finding.setText(Sentences.ofFinding(getResources(), row));
        boolean bad =
                switch (row.state()) {
                    case DIFFERS, REFUSED, ENDED_APP -> true;
                    case WAITING, TRYING, RIGHT, MEASURED -> false;
                };
        finding.setTextColor(getColor(bad ? R.color.bad : R.color.text_second));
    }

    private void toggle() {
        if (running != null) {
            stop("");
            return;
        }
        if (table.isFinished()) table = SearchTable.fresh();
        AtomicBoolean cancel = new AtomicBoolean();
        running = cancel;
        clearCards();
        step = addCard(getString(R.string.searching), "");
        step.findViewById(R.id.body)
                .setAccessibilityLiveRegion(View.ACCESSIBILITY_LIVE_REGION_POLITE);
        showRows();
        progress().setMax(table.rows().size() * (1 + plan.rounds()));
        progress().setProgress(0);
        button();
        DemoApp app = DemoApp.of(this);
        Settings settings = app.settings().read();
        new Thread(() -> run(app, settings, cancel), "search").start();
    }

    private void stop(String why) {
        running.set(true);
        running = null;
        show(why);
        button();
    }

    private void run(DemoApp app, Settings settings, AtomicBoolean cancel) {
        try {
            WaySearch.run(
                    app, app.models(), entry, settings, version(), plan, new Steps(cancel), cancel);
            tell(cancel, () -> stop(""));
        } catch (CancellationException stopped) {
            return;
        } catch (BundleException | IOException | RuntimeException | OutOfMemoryError error) {
            tell(cancel, () -> stop(Sentences.ofFailure(getResources(), error)));
        }
    }

    private void tell(AtomicBoolean cancel, Runnable what) {
        main.post(
                () -> {
                    if (!cancel.get()) what.run();
                });
    }

    /** Shows the steps of a search. */
    private final class Steps implements WaySearch.Listener {
        private final AtomicBoolean cancel;

        Steps(AtomicBoolean cancel) {
            this.cancel = cancel;
        }

        @Override
        public void onTable(SearchTable known) {
            main.post(
                    () -> {
                        if (running != null && running != cancel) return; // of another search
                        table = known; // of one that was stopped, too: its last step is undone
                        for (int i = 0; i < rows.size(); i++)
                            fill(rows.get(i), known.rows().get(i));
                    });
        }

        @Override
        public void onProving(Way way) {
            say(R.string.proving, Sentences.ofWay(getResources(), way));
            tell(cancel, () -> progress().setProgress(table.proven()));
        }

        @Override
        public void onCooling(double battery) {
            say(R.string.cooling, Sentences.number(battery, 1));
        }

        @Override
        public void onTurn(Way way, int turn, int turns) {
            say(R.string.measuring, turn, turns, Sentences.ofWay(getResources(), way));
            int ways = table.rows().size();
            int done = ways + plan.rounds() * ways * (turn - 1) / turns;
            tell(cancel, () -> progress().setProgress(done));
        }

        private void say(int text, Object... with) {
            String line = getString(text, with);
            tell(cancel, () -> setBody(step, line));
        }
    }

    private void shareDocuments() {
        try {
            String name = "deepmark-search-" + System.currentTimeMillis();
            List<Uri> files = new ArrayList<>();
            files.add(write(name + ".txt", table.text()));
            List<String> documents = store.documents(entry);
            for (int i = 0; i < documents.size(); i++)
                files.add(write(name + "-" + i + ".json", documents.get(i)));
            startActivity(SharedFiles.intent(files, "*/*"));
        } catch (IOException error) {
            setVerdict(
                    addCard(getString(R.string.share), ""),
                    getString(R.string.share_failed, error.getMessage()),
                    false);
        }
    }

    private Uri write(String name, String text) throws IOException {
        return SharedFiles.write(this, name, text.getBytes(StandardCharsets.UTF_8));
    }
}
