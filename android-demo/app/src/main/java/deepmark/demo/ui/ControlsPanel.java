package deepmark.demo.ui;

import android.content.res.Resources;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.SeekBar;
import android.widget.Spinner;
import android.widget.Switch;
import android.widget.TextView;

import deepmark.demo.R;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.settings.Settings;

import java.util.List;
import java.util.function.Consumer;

/**
 * The panel with score, techniques, model, threads and arithmetic; every change is told at once.
 */
final class ControlsPanel {
    private static final int[] TECHNIQUES = {
        R.id.technique1, R.id.technique2, R.id.technique3, R.id.technique4
    };

    private final View root;
    private final Consumer<Settings> changed;
    private Settings settings;

    /**
     * Fill a panel.
     *
     * @param root view that holds layout/controls
     * @param models names of the models to choose from
     * @param begin settings to show
     * @param changed is told of each change
     */
    ControlsPanel(View root, List<String> models, Settings begin, Consumer<Settings> changed) {
        this.root = root;
        this.changed = changed;
        this.settings = begin;
        SeekBar score = root.findViewById(R.id.score);
        score.setProgress((int) Math.round(100 * begin.decoding().score()));
        onMove(score, value -> settings.withDecoding(settings.decoding().withScore(value / 100.0)));
        SeekBar threads = root.findViewById(R.id.threads);
        threads.setMax(Settings.MOST_THREADS - 1);
        threads.setProgress(begin.threads() - 1);
        onMove(threads, value -> settings.withThreads(value + 1));
        for (int i = 0; i < TECHNIQUES.length; i++) {
            int number = i + 1;
            Switch one = root.findViewById(TECHNIQUES[i]);
            one.setChecked(begin.decoding().has(number));
            one.setOnCheckedChangeListener(
                    (button, on) ->
                            change(settings.withDecoding(settings.decoding().with(number, on))));
        }
        Switch half = root.findViewById(R.id.half);
        half.setChecked(begin.precision() == Precision.FP16);
        half.setOnCheckedChangeListener(
                (button, on) ->
                        change(settings.withPrecision(on ? Precision.FP16 : Precision.FP32)));
        chooseFrom(models);
        label();
    }

    private void chooseFrom(List<String> models) {
        Spinner model = root.findViewById(R.id.model);
        ArrayAdapter<String> names =
                new ArrayAdapter<>(
                        root.getContext(), android.R.layout.simple_spinner_dropdown_item, models);
        model.setAdapter(names);
        model.setSelection(Math.max(0, models.indexOf(settings.bundle())));
        model.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(
                            AdapterView<?> parent, View item, int position, long id) {
                        String chosen = models.get(position);
                        boolean first = settings.bundle().isEmpty() && position == 0;
                        if (!first && !chosen.equals(settings.bundle()))
                            change(settings.withBundle(chosen));
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {
                        // The model stays.
                    }
                });
    }

    /** What a position of a slider makes of the settings. */
    private interface Move {
        Settings to(int value);
    }

    private void onMove(SeekBar bar, Move move) {
        bar.setOnSeekBarChangeListener(
                new SeekBar.OnSeekBarChangeListener() {
                    @Override
                    public void onProgressChanged(SeekBar moved, int value, boolean byUser) {
                        if (byUser) change(move.to(value));
                    }

                    @Override
                    public void onStartTrackingTouch(SeekBar moved) {
                        // Changes are told while the slider moves.
                    }

                    @Override
                    public void onStopTrackingTouch(SeekBar moved) {
                        // Changes were told while it moved.
                    }
                });
    }

    private void change(Settings now) {
        settings = now;
        label();
        changed.accept(now);
    }

    private void label() {
        Resources from = root.getResources();
        TextView score = root.findViewById(R.id.score_label);
        score.setText(
                from.getString(
                        R.string.least_score_value,
                        Sentences.number(settings.decoding().score(), 2)));
        TextView threads = root.findViewById(R.id.threads_label);
        threads.setText(
                from.getQuantityString(R.plurals.threads, settings.threads(), settings.threads()));
        root.findViewById(R.id.score).setContentDescription(score.getText());
        root.findViewById(R.id.threads).setContentDescription(threads.getText());
    }
}
