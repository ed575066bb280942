package deepmark.demo.ui;

import android.net.Uri;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.View;
import android.view.WindowManager;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.engine.EngineException;
import deepmark.demo.model.MeasuredTurn;
import deepmark.demo.model.Measurement;
import deepmark.demo.model.Models;
import deepmark.demo.settings.Settings;
import deepmark.demo.share.SharedFiles;
import deepmark.demo.stats.Drift;
import deepmark.demo.stats.Heat;
import deepmark.demo.stats.LiveNumbers;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Measures the chosen model with the chosen settings, and shares the raw samples. */
public final class BenchmarkActivity extends ReportActivity {
    private static final String MEASURED = "measured";
    private static final int TURNS = 3;
    private static final Measurement.Length TURN = new Measurement.Length(20, 3);

    private final Handler main = new Handler(Looper.getMainLooper());
    private AtomicBoolean running;
    private String document = "";

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        progress().setMax(TURNS);
        share().setOnClickListener(view -> shareDocument());
        document = saved != null && saved.getBoolean(MEASURED) ? kept() : "";
        if (document.isEmpty()) intro();
        else show(document);
        button();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        // A document is larger than what the system takes here: more than that ends the app.
        out.putBoolean(MEASURED, !document.isEmpty());
    }

    private File file() {
        return new File(getCacheDir(), "benchmark.json");
    }

    private void keep(String result) throws IOException {
        File partial = new File(getCacheDir(), "benchmark.partial");
        Files.write(partial.toPath(), result.getBytes(StandardCharsets.UTF_8));
        if (!partial.renameTo(file())) throw new IOException("cannot write " + file());
    }

    /** Return the latest document; empty where the system has tidied it away. */
    private String kept() {
        try {
            return new String(Files.readAllBytes(file().toPath()), StandardCharsets.UTF_8);
        } catch (IOException gone) {
            return "";
        }
    }

    @Override
    protected void onPause() {
        // Behind another app the system gives fewer and slower cores: such numbers would be wrong.
        if (running != null) stop(getString(R.string.stopped));
        super.onPause();
    }

    private void intro() {
        addCard(
                getString(R.string.benchmark),
                getString(R.string.benchmark_intro, TURNS, Math.round(TURN.seconds())));
    }

    private void button() {
        start().setText(running == null ? R.string.start_benchmark : R.string.stop);
        start().setOnClickListener(view -> toggle());
        progress().setVisibility(running == null ? View.GONE : View.VISIBLE);
        share().setEnabled(running == null && !document.isEmpty());
        if (running == null) getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        else getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
    }

    private void stop(String why) {
        running.set(true);
        running = null;
        clearCards();
        intro();
        if (!why.isEmpty()) setVerdict(addCard(getString(R.string.benchmark), ""), why, false);
        button();
    }

    private void toggle() {
        if (running != null) {
            stop("");
            return;
        }
        AtomicBoolean cancel = new AtomicBoolean();
        running = cancel;
        document = "";
        clearCards();
        View live = addCard(getString(R.string.turn, 1), "");
        progress().setProgress(0);
        button();
        Models models = DemoApp.of(this).models();
        Settings settings = DemoApp.of(this).settings().read();
        new Thread(() -> run(models, settings, live, cancel), "benchmark").start();
    }

    private void run(Models models, Settings settings, View live, AtomicBoolean cancel) {
        try {
            Measurement measurement =
                    new Measurement(this, models, models.chosen(settings), settings, version());
            for (int turn = 1; turn <= TURNS; turn++) {
                int now = turn;
                measurement.take(
                        TURN,
                        (total, heat) -> tell(cancel, () -> showSample(live, now, total, heat)),
                        cancel);
            }
            String result = measurement.document();
            keep(result);
            tell(
                    cancel,
                    () -> {
                        running = null;
                        document = result;
                        clearCards();
                        show(result);
                        button();
                    });
        } catch (CancellationException stopped) {
            return;
        } catch (BundleException
                | EngineException
                | IOException
                | RuntimeException
                | OutOfMemoryError error) {
            tell(cancel, () -> stop(Sentences.ofFailure(getResources(), error)));
        }
    }

    private void tell(AtomicBoolean cancel, Runnable what) {
        main.post(
                () -> {
                    if (!cancel.get()) what.run();
                });
    }

    private void showSample(View live, int turn, double total, int heat) {
        progress().setProgress(turn - 1);
        setBody(
                live,
                getString(R.string.turn, turn)
                        + ": "
                        + Sentences.number(total, 1)
                        + " ms, "
                        + Sentences.ofHeat(getResources(), heat));
    }

    private void show(String result) {
        List<MeasuredTurn> turns = MeasuredTurn.all(result);
        for (int i = 0; i < turns.size(); i++) {
            double[] samples = turns.get(i).totals();
            double median = LiveNumbers.quantile(samples, 0.5);
            String body =
                    getString(
                            R.string.turn_line,
                            samples.length,
                            Sentences.number(median, 1),
                            Sentences.number(LiveNumbers.quantile(samples, 0.9), 1),
                            Sentences.number(1000 / median, 1));
            View card = addCard(getString(R.string.turn, i + 1), body);
            boolean hot = turns.get(i).hottest() >= Heat.THROTTLED;
            boolean steady = Drift.isSteady(samples);
            String verdict =
                    hot
                            ? getString(R.string.benchmark_hot)
                            : steady
                                    ? getString(R.string.no_drift)
                                    : getString(
                                            R.string.drift,
                                            Sentences.number(100 * (Drift.of(samples) - 1), 0)
                                                    + " %");
            setVerdict(card, verdict, steady && !hot);
        }
    }

    private void shareDocument() {
        try {
            String name = "deepmark-bench-" + System.currentTimeMillis() + ".json";
            Uri file = SharedFiles.write(this, name, document.getBytes(StandardCharsets.UTF_8));
            startActivity(SharedFiles.intent(List.of(file), "application/json"));
        } catch (IOException error) {
            setVerdict(
                    addCard(getString(R.string.share), ""),
                    getString(R.string.share_failed, error.getMessage()),
                    false);
        }
    }
}
