package deepmark.demo.ui;

import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.View;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.Way;
import deepmark.demo.model.Models;
import deepmark.demo.model.SelfTest;
import deepmark.demo.settings.Settings;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Every vector of the chosen model on this phone, in each precision, green or red with numbers. */
public final class SelfTestActivity extends ReportActivity {
    private final Handler main = new Handler(Looper.getMainLooper());
    private AtomicBoolean running;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        share().setVisibility(View.GONE);
        addCard(getString(R.string.self_test), getString(R.string.self_test_intro));
        button();
    }

    @Override
    protected void onDestroy() {
        if (running != null) running.set(true);
        super.onDestroy();
    }

    private void button() {
        start().setText(running == null ? R.string.start_self_test : R.string.stop);
        start().setOnClickListener(view -> toggle());
        progress().setIndeterminate(true);
        progress().setVisibility(running == null ? View.GONE : View.VISIBLE);
    }

    private void toggle() {
        if (running != null) {
            running.set(true);
            running = null;
            button();
            return;
        }
        AtomicBoolean cancel = new AtomicBoolean();
        running = cancel;
        clearCards();
        button();
        Models models = DemoApp.of(this).models();
        Settings settings = DemoApp.of(this).settings().read();
        new Thread(() -> run(models, settings, cancel), "self-test").start();
    }

    private void run(Models models, Settings settings, AtomicBoolean cancel) {
        try {
            BundleIndex.Entry entry = models.chosen(settings);
            for (Precision precision : Way.precisions(settings.way().compute())) {
                Way way = settings.way().with(precision);
                SelfTest result =
                        SelfTest.run(models, entry, settings.withWay(way).engine(), cancel);
                tell(cancel, () -> show(entry.name() + ", " + way.arithmetic(), result));
            }
        } catch (CancellationException stopped) {
            return;
        } catch (BundleException | EngineException | RuntimeException | OutOfMemoryError error) {
            tell(
                    cancel,
                    () ->
                            setVerdict(
                                    addCard(getString(R.string.self_test), ""),
                                    Sentences.ofFailure(getResources(), error),
                                    false));
        }
        tell(
                cancel,
                () -> {
                    running = null;
                    button();
                });
    }

    private void tell(AtomicBoolean cancel, Runnable what) {
        main.post(
                () -> {
                    if (!cancel.get()) what.run();
                });
    }

    private void show(String title, SelfTest result) {
        StringBuilder lines = new StringBuilder();
        for (SelfTest.VectorResult one : result.vectors()) {
            if (lines.length() > 0) lines.append('\n');
            lines.append(
                    getString(
                            R.string.vector_line,
                            one.number(),
                            one.matched(),
                            one.objects(),
                            Sentences.number(one.landmarkError(), 4),
                            Sentences.number(100 * one.toleranceUsed(), 1) + " %"));
        }
        if (!result.placement().isEmpty()) lines.append('\n').append(result.placement());
        View card = addCard(title, lines.toString());
        setVerdict(
                card,
                getString(result.equal() ? R.string.all_equal : R.string.not_equal),
                result.equal());
    }
}
