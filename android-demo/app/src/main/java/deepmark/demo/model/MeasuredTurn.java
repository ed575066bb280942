package deepmark.demo.model;

import deepmark.demo.stats.Heat;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.util.ArrayList;
import java.util.List;

/**
 * One turn of a measurement.
 *
 * @param totals total time of each run in milliseconds: conversion, network and decoder
 * @param hottest highest thermal status that the phone told, 0 to 6, or {@link Heat#UNKNOWN}
 * @param peakMib largest memory of the app during the turn, in MiB; NaN where the kernel does not
 *     tell it of the turn alone
 * @param warmerC how much warmer the battery was after the turn than before, in degrees Celsius;
 *     NaN where the phone does not tell
 */
public record MeasuredTurn(double[] totals, int hottest, double peakMib, double warmerC) {
    /** The peak at a turn's beginning that may stand above what the app held then, in KiB. */
    private static final int OLD_PEAK_KIB = 8 << 10;

    /**
     * Read the turns of a document.
     *
     * @throws IllegalArgumentException it is none
     */
    public static List<MeasuredTurn> all(String document) {
        try {
            List<MeasuredTurn> all = new ArrayList<>();
            JSONArray turns = new JSONObject(document).getJSONArray("turns");
            for (int t = 0; t < turns.length(); t++) all.add(read(turns.getJSONObject(t)));
            return all;
        } catch (JSONException broken) {
            throw new IllegalArgumentException(
                    "no result of a benchmark: " + broken.getMessage(), broken);
        }
    }

    static MeasuredTurn read(JSONObject turn) throws JSONException {
        List<Double> samples = new ArrayList<>();
        JSONObject start = new JSONObject();
        JSONObject end = new JSONObject();
        JSONArray lines = turn.getJSONArray("lines");
        for (int i = 0; i < lines.length(); i++) {
            JSONObject event = lines.getJSONObject(i);
            switch (event.getString("event")) {
                case "sample" -> samples.add(total(event));
                case "start" -> start = event;
                case "end" -> end = event;
                default -> {}
            }
        }
        JSONObject before = turn.getJSONObject("before");
        JSONObject after = turn.getJSONObject("after");
        JSONArray states = turn.getJSONArray("during");
        int hottest = Math.max(status(before), status(after));
        for (int i = 0; i < states.length(); i++)
            hottest = Math.max(hottest, status(states.getJSONObject(i)));
        return new MeasuredTurn(
                samples.stream().mapToDouble(Double::doubleValue).toArray(),
                hottest,
                peak(memory(start), memory(end)),
                Heat.plausible(after.optDouble("battery_c"))
                        - Heat.plausible(before.optDouble("battery_c")));
    }

    /** Return the total time of a run. */
    static double total(JSONObject sample) throws JSONException {
        return sample.getDouble("letterbox_ms")
                + sample.getDouble("network_ms")
                + sample.getDouble("decode_ms");
    }

    private static JSONObject memory(JSONObject event) {
        JSONObject memory = event.optJSONObject("memory");
        return memory == null ? new JSONObject() : memory;
    }

    private static double peak(JSONObject start, JSONObject end) {
        boolean ofThisTurn =
                start.optDouble("hwm_kib") - start.optDouble("rss_kib") <= OLD_PEAK_KIB;
        return ofThisTurn ? end.optDouble("hwm_kib") / 1024 : Double.NaN;
    }

    private static int status(JSONObject state) {
        return state.optInt("thermal_status", Heat.UNKNOWN);
    }
}
