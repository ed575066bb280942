package deepmark.demo.model;

import android.os.Build;
import android.os.SystemClock;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.Benchmark;
import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.EngineException;
import deepmark.demo.settings.Settings;
import deepmark.demo.stats.Heat;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.ArrayList;
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

    /** Turns of a measurement. */
    public static final int TURNS = 3;

    /** Seconds of each turn. */
    public static final int SECONDS = 20;

    private static final double WARM_UP_SECONDS = 3;
    private static final int WARM_UP_RUNS = 5;

    private Measurement() {}

    /** Where a measurement stands. */
    public interface Progress {
        /** A run of a turn ended; on the measuring thread. */
        void onSample(int turn, double totalMs, int thermalStatus);
    }

    /**
     * Measure.
     *
     * @param pictures folder of binary PPM files
     * @param appVersion version of this app
     * @return the document, JSON
     * @throws IOException the model's manifest cannot be read
     * @throws java.util.concurrent.CancellationException it was cancelled
     */
    public static String run(
            Models models,
            BundleIndex.Entry entry,
            Settings settings,
            File pictures,
            Heat heat,
            String appVersion,
            Progress progress,
            AtomicBoolean cancel)
            throws BundleException, EngineException, IOException {
        File folder = models.folder(entry);
        String manifest =
                new String(
                        Files.readAllBytes(new File(folder, "manifest.json").toPath()),
                        StandardCharsets.UTF_8);
        Decoding decoding = useful(settings.decoding(), manifest);
        Benchmark.Options options =
                new Benchmark.Options(
                        settings.engine(), decoding, WARM_UP_RUNS, WARM_UP_SECONDS, 0, SECONDS);
        String created = Instant.now().toString();
        try {
            JSONArray turns = new JSONArray();
            for (int turn = 1; turn <= TURNS; turn++) {
                JSONObject one = new JSONObject().put("before", state(heat));
                Recorder recorder = new Recorder(turn, heat, progress);
                Benchmark.run(folder, pictures, options, recorder, cancel);
                turns.put(
                        one.put("after", state(heat))
                                .put("during", recorder.states)
                                .put("lines", recorder.lines));
            }
            return new JSONObject()
                    .put("format", FORMAT)
                    .put("app", appVersion)
                    .put("created", created)
                    .put("stand_in", models.index().standIn())
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
            throw new IllegalStateException(
                    "a result holds a number that JSON has not", impossible);
        }
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

    /** Keeps a turn's lines, and the phone's state once a second. */
    private static final class Recorder implements Consumer<String> {
        private static final long INTERVAL_MS = 1000;

        final JSONArray lines = new JSONArray();
        final JSONArray states = new JSONArray();
        private final int turn;
        private final Heat heat;
        private final Progress progress;
        private long next;

        Recorder(int turn, Heat heat, Progress progress) {
            this.turn = turn;
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
                if (event.getString("event").equals("sample")) {
                    progress.onSample(turn, total(event), heat.status());
                }
            } catch (JSONException broken) {
                throw new IllegalStateException("the engine reports otherwise: " + line, broken);
            }
        }
    }

    /**
     * Write a picture as binary PPM, as the benchmark reads it.
     *
     * @param argb pixels, rows first
     * @throws IOException there is no room
     */
    public static void writePpm(File to, int[] argb, int width, int height) throws IOException {
        try (OutputStream out = new BufferedOutputStream(new FileOutputStream(to))) {
            out.write(
                    ("P6\n" + width + " " + height + "\n255\n")
                            .getBytes(StandardCharsets.US_ASCII));
            byte[] row = new byte[3 * width];
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    int pixel = argb[y * width + x];
                    row[3 * x] = (byte) (pixel >> 16);
                    row[3 * x + 1] = (byte) (pixel >> 8);
                    row[3 * x + 2] = (byte) pixel;
                }
                out.write(row);
            }
        }
    }

    /**
     * One turn of a document.
     *
     * @param totals total time of each run in milliseconds: conversion, network and decoder
     * @param hottest highest thermal status that the phone told, 0 to 6, or {@link Heat#UNKNOWN}
     */
    public record Turn(double[] totals, int hottest) {}

    /**
     * Read the turns of a document.
     *
     * @throws IllegalArgumentException it is none
     */
    public static List<Turn> turns(String document) {
        try {
            List<Turn> all = new ArrayList<>();
            JSONArray turns = new JSONObject(document).getJSONArray("turns");
            for (int t = 0; t < turns.length(); t++) all.add(turn(turns.getJSONObject(t)));
            return all;
        } catch (JSONException broken) {
            throw new IllegalArgumentException(
                    "no result of a benchmark: " + broken.getMessage(), broken);
        }
    }

    private static Turn turn(JSONObject from) throws JSONException {
        List<Double> samples = new ArrayList<>();
        JSONArray lines = from.getJSONArray("lines");
        for (int i = 0; i < lines.length(); i++) {
            JSONObject event = lines.getJSONObject(i);
            if (event.getString("event").equals("sample")) samples.add(total(event));
        }
        JSONArray states = from.getJSONArray("during");
        int hottest =
                Math.max(status(from.getJSONObject("before")), status(from.getJSONObject("after")));
        for (int i = 0; i < states.length(); i++)
            hottest = Math.max(hottest, status(states.getJSONObject(i)));
        return new Turn(samples.stream().mapToDouble(Double::doubleValue).toArray(), hottest);
    }

    private static int status(JSONObject state) {
        return state.optInt("thermal_status", Heat.UNKNOWN);
    }

    private static double total(JSONObject sample) throws JSONException {
        return sample.getDouble("letterbox_ms")
                + sample.getDouble("network_ms")
                + sample.getDouble("decode_ms");
    }
}
