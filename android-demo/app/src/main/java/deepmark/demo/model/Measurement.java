package deepmark.demo.model;

import android.content.Context;
import android.os.Build;
import android.os.SystemClock;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.Benchmark;
import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings;
import deepmark.demo.settings.Settings;
import deepmark.demo.stats.Heat;
import deepmark.demo.stats.PeakMemory;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * A benchmark of one model in the app: turns of {@code dm_bench}'s protocol, with the phone's heat
 * before, during and after each. {@code deepmark bench --from FILE} judges and prints the document.
 */
public final class Measurement {
    /** Form of the document. */
    public static final String FORMAT = "deepmark-app-bench/1";

    private static final int WARM_UP_RUNS = 5;

    /**
     * How long a turn is.
     *
     * @param seconds of its measured runs
     * @param warmUpSeconds before them, at least
     */
    public record Length(double seconds, double warmUpSeconds) {}

    /** Where a turn stands. */
    public interface Progress {
        /** A run ended; on the measuring thread. */
        void onSample(double totalMs, int thermalStatus);
    }

    private final GpuTrial trial;
    private final BundleIndex.Entry entry;
    private final boolean standIn;
    private final File folder;
    private final EngineSettings engine;
    private final Decoding decoding;
    private final String manifest;
    private final File pictures;
    private final Heat heat;
    private final String appVersion;
    private final String created = Instant.now().toString();
    private final JSONArray turns = new JSONArray();

    /**
     * Make a model ready to be measured.
     *
     * @param settings how it is computed and decoded
     * @param appVersion version of this app
     * @throws BundleException it cannot be unpacked
     * @throws IOException its manifest cannot be read, or there is no room for the pictures
     */
    public Measurement(
            Context context,
            Models models,
            BundleIndex.Entry entry,
            Settings settings,
            String appVersion)
            throws BundleException, IOException {
        trial = models.trial();
        this.entry = entry;
        this.appVersion = appVersion;
        standIn = models.index().standIn();
        folder = models.folder(entry);
        File file = new File(folder, "manifest.json");
        manifest = new String(Files.readAllBytes(file.toPath()), StandardCharsets.UTF_8);
        engine = models.keepingKernels(settings.engine());
        decoding = useful(settings.decoding(), manifest);
        pictures = SamplePictures.write(context);
        heat = new Heat(context);
    }

    /**
     * Take a turn.
     *
     * @throws EngineException the engine refuses the model
     * @throws java.util.concurrent.CancellationException it was cancelled
     */
    public MeasuredTurn take(Length length, Progress progress, AtomicBoolean cancel)
            throws EngineException {
        Benchmark.Options options =
                new Benchmark.Options(
                        engine,
                        decoding,
                        WARM_UP_RUNS,
                        length.warmUpSeconds(),
                        0,
                        length.seconds());
        try {
            JSONObject turn = new JSONObject().put("before", state(heat));
            PeakMemory.reset();
            GpuTrial.Mark mark = trial.begin(engine.way());
            Recorder recorder = new Recorder(mark, heat, progress);
            try {
                Benchmark.run(folder, pictures, options, recorder, cancel);
            } finally {
                mark.end();
            }
            turn.put("after", state(heat))
                    .put("during", recorder.states)
                    .put("lines", recorder.lines);
            turns.put(turn);
            return MeasuredTurn.read(turn);
        } catch (JSONException impossible) {
            throw strange(impossible);
        }
    }

    /** Return the document of the turns so far, JSON. */
    public String document() {
        try {
            return new JSONObject()
                    .put("format", FORMAT)
                    .put("app", appVersion)
                    .put("created", created)
                    .put("stand_in", standIn)
                    .put("phone", phone())
                    .put(
                            "bundle",
                            new JSONObject()
                                    .put("name", entry.name())
                                    .put("sha256", entry.sha256())
                                    .put("manifest", manifest))
                    .put("decoding", written(decoding))
                    .put("turns", turns)
                    .toString();
        } catch (JSONException impossible) {
            throw strange(impossible);
        }
    }

    private static IllegalStateException strange(JSONException cause) {
        return new IllegalStateException("a result holds a number that JSON has not", cause);
    }

    /**
     * Leave out the techniques that a model has no use for: all but the second read the heatmap of
     * landmarks, which a model of boxes has not.
     */
    static Decoding useful(Decoding chosen, String manifest) {
        try {
            JSONObject heads = new JSONObject(manifest).getJSONObject("heads");
            if (heads.getJSONObject("channels").has("hm_hp")) return chosen;
            return chosen.with(1, false).with(3, false).with(4, false);
        } catch (JSONException broken) {
            return chosen; // the engine says what is wrong with the model
        }
    }

    private static JSONObject written(Decoding decoding) throws JSONException {
        JSONArray techniques = new JSONArray();
        for (int number = 1; number <= 4; number++)
            if (decoding.has(number)) techniques.put(number);
        return new JSONObject().put("techniques", techniques).put("score", decoding.score());
    }

    private static JSONObject phone() throws JSONException {
        return new JSONObject()
                .put("manufacturer", Build.MANUFACTURER)
                .put("model", Build.MODEL)
                .put("device", Build.DEVICE)
                .put("board", Build.BOARD)
                .put("hardware", Build.HARDWARE)
                .put("android", Build.VERSION.RELEASE)
                .put("sdk", Build.VERSION.SDK_INT)
                .put("build", Build.DISPLAY)
                .put("abis", new JSONArray(List.of(Build.SUPPORTED_ABIS)))
                .put("kernel", System.getProperty("os.version", ""))
                .put("cores", Runtime.getRuntime().availableProcessors());
    }

    private static JSONObject state(Heat heat) throws JSONException {
        int status = heat.status();
        double battery = heat.battery();
        return new JSONObject()
                .put("at_ms", SystemClock.elapsedRealtime())
                .put("thermal_status", status == Heat.UNKNOWN ? JSONObject.NULL : status)
                .put("battery_c", Double.isNaN(battery) ? JSONObject.NULL : battery);
    }

    /** Keeps a turn's lines, and the phone's state once a second; ends the mark of a GPU. */
    private static final class Recorder implements Consumer<String> {
        private static final long INTERVAL_MS = 1000;

        final JSONArray lines = new JSONArray();
        final JSONArray states = new JSONArray();
        private final GpuTrial.Mark mark;
        private final Heat heat;
        private final Progress progress;
        private long next;

        Recorder(GpuTrial.Mark mark, Heat heat, Progress progress) {
            this.mark = mark;
            this.heat = heat;
            this.progress = progress;
        }

        @Override
        public void accept(String line) {
            try {
                JSONObject event = new JSONObject(line);
                lines.put(event);
                if (SystemClock.elapsedRealtime() >= next) {
                    states.put(state(heat));
                    next = SystemClock.elapsedRealtime() + INTERVAL_MS;
                }
                switch (event.getString("event")) {
                    case "loaded" -> mark.end(); // every session that the pictures need is there
                    case "sample" -> progress.onSample(MeasuredTurn.total(event), heat.status());
                    default -> {}
                }
            } catch (JSONException broken) {
                throw new IllegalStateException("the engine reports otherwise: " + line, broken);
            }
        }
    }
}
