package deepmark.demo.ui;

import android.content.res.Resources;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.SeekBar;
import android.widget.Spinner;
import android.widget.Switch;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.engine.Way;
import deepmark.demo.settings.Settings;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;

/**
 * The panel with score, techniques, model, threads and arithmetic; every change is told at once.
 */
final class ControlsPanel {
    private static final int[] TECHNIQUES = {
        R.id.technique1, R.id.technique2, R.id.technique3, R.id.technique4
    };

    /** What computes, as the list of the panel has it: in the order of R.array.computes. */
    private record Computer(Compute compute, Storage storage) {
        /** Only OpenCL has two storages. */
        static Computer of(Way way) {
            return new Computer(
                    way.compute(), way.compute() == Compute.OPENCL ? way.storage() : Storage.IMAGE);
        }
    }

    private static final List<Computer> COMPUTERS =
            List.of(
                    new Computer(Compute.CPU, Storage.IMAGE),
                    new Computer(Compute.OPENCL, Storage.IMAGE),
                    new Computer(Compute.OPENCL, Storage.BUFFER),
                    new Computer(Compute.VULKAN, Storage.IMAGE));

    private final View root;
    private final Consumer<Settings> changed;
    private final List<String> models;
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
        SeekBar score = root.findViewById(R.id.score);
        onMove(score, value -> settings.withDecoding(settings.decoding().withScore(value / 100.0)));
        SeekBar threads = root.findViewById(R.id.threads);
        threads.setMax(Settings.MOST_THREADS - 1);
        onMove(threads, value -> way(way -> way.with(value + 1)));
        this.models = models;
        Spinner model = root.findViewById(R.id.model);
        model.setAdapter(
                new ArrayAdapter<>(
                        root.getContext(), android.R.layout.simple_spinner_dropdown_item, models));
        Spinner compute = root.findViewById(R.id.compute);
        compute.setAdapter(
                new ArrayAdapter<>(
                        root.getContext(),
                        android.R.layout.simple_spinner_dropdown_item,
                        root.getResources().getStringArray(R.array.computes)));
        show(begin);
        onChoice(model, position -> choose(models.get(position)));
        onChoice(compute, position -> compute(COMPUTERS.get(position)));
    }

    /** Show other settings, which nobody is told of: another screen may have changed them. */
    void show(Settings now) {
        settings = now;
        SeekBar score = root.findViewById(R.id.score);
        score.setProgress((int) Math.round(100 * now.decoding().score()));
        SeekBar threads = root.findViewById(R.id.threads);
        threads.setProgress(now.way().threads() - 1);
        for (int i = 0; i < TECHNIQUES.length; i++) {
            int number = i + 1;
            set(
                    TECHNIQUES[i],
                    now.decoding().has(number),
                    on -> settings.withDecoding(settings.decoding().with(number, on)));
        }
        set(
                R.id.half,
                now.way().precision() != Precision.FP32,
                on -> way(way -> way.with(on ? Precision.FP16 : Precision.FP32)));
        Spinner model = root.findViewById(R.id.model);
        if (!models.isEmpty()) model.setSelection(Math.max(0, models.indexOf(now.bundle())));
        Spinner compute = root.findViewById(R.id.compute);
        compute.setSelection(COMPUTERS.indexOf(Computer.of(now.way())));
        label();
    }

    private void choose(String model) {
        boolean isFirst = settings.bundle().isEmpty() && models.indexOf(model) == 0;
        if (isFirst || model.equals(settings.bundle())) return;
        show(DemoApp.of(root.getContext()).settings().withBundle(settings, model));
        changed.accept(settings);
    }

    private void compute(Computer chosen) {
        if (!chosen.equals(Computer.of(settings.way())))
            change(way(way -> way.on(chosen.compute(), chosen.storage())));
    }

    private Settings way(UnaryOperator<Way> changed) {
        return settings.withWay(changed.apply(settings.way()));
    }

    private static void onChoice(Spinner from, IntConsumer chosen) {
        from.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(
                            AdapterView<?> parent, View item, int position, long id) {
                        chosen.accept(position);
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {
                        // What was chosen stays.
                    }
                });
    }

    /** What a switch makes of the settings. */
    private interface Turn {
        Settings to(boolean on);
    }

    private void set(int view, boolean on, Turn turn) {
        Switch one = root.findViewById(view);
        one.setOnCheckedChangeListener(null);
        one.setChecked(on);
        one.setOnCheckedChangeListener((button, now) -> change(turn.to(now)));
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
        root.findViewById(R.id.threads).setEnabled(settings.way().compute() == Compute.CPU);
        TextView score = root.findViewById(R.id.score_label);
        score.setText(
                from.getString(
                        R.string.least_score_value,
                        Sentences.number(settings.decoding().score(), 2)));
        TextView threads = root.findViewById(R.id.threads_label);
        threads.setText(
                from.getQuantityString(
                        R.plurals.threads, settings.way().threads(), settings.way().threads()));
        root.findViewById(R.id.score).setContentDescription(score.getText());
        root.findViewById(R.id.threads).setContentDescription(threads.getText());
    }
}
