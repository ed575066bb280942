package deepmark.demo.model;

import deepmark.demo.engine.Way;
import deepmark.demo.model.TriedWay.State;
import deepmark.demo.settings.Settings;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a search for the best way to compute a model knows: every way, in the order of {@code
 * deepmark bench --find}.
 *
 * @param rows a row for each way
 */
public record SearchTable(List<TriedWay> rows) {
    private static final String FORMAT = "deepmark-app-search/1";

    /** What a way may be the best in. */
    public enum Goal {
        FASTEST("fastest"),
        LEAST_MEMORY("least memory"),
        LEAST_HEAT("least heat");

        private final String title;

        Goal(String title) {
            this.title = title;
        }

        private double measure(TriedWay row) {
            return switch (this) {
                case FASTEST -> row.totalMs();
                case LEAST_MEMORY -> row.peakMib();
                case LEAST_HEAT -> row.warmerC();
            };
        }
    }

    public SearchTable {
        rows = List.copyOf(rows);
    }

    /** Return the table of a search that begins. */
    public static SearchTable fresh() {
        List<TriedWay> rows = new ArrayList<>();
        for (Way way : Way.all()) rows.add(TriedWay.waiting(way));
        return new SearchTable(rows);
    }

    /** Return this table with another row. */
    SearchTable with(int number, TriedWay row) {
        List<TriedWay> changed = new ArrayList<>(rows);
        changed.set(number, row);
        return new SearchTable(changed);
    }

    /** Return what is known after the process ended: a way that was being tried has ended it. */
    private SearchTable afterStart() {
        List<TriedWay> known = new ArrayList<>();
        for (TriedWay row : rows)
            known.add(row.state() == State.TRYING ? row.in(State.ENDED_APP) : row);
        return new SearchTable(known);
    }

    /** Tell whether nothing of the search was done yet. */
    public boolean isFresh() {
        return rows.stream().allMatch(row -> row.state() == State.WAITING);
    }

    /** Tell whether the search is over. */
    public boolean isFinished() {
        return rows.stream().allMatch(row -> row.state().compareTo(State.DIFFERS) >= 0);
    }

    /**
     * Return the best way in each respect, the first of several; one that could be told of none is
     * left out.
     */
    public Map<Goal, TriedWay> best() {
        Map<Goal, TriedWay> best = new EnumMap<>(Goal.class);
        for (Goal goal : Goal.values()) {
            for (TriedWay row : rows) {
                double value = goal.measure(row);
                TriedWay before = best.get(goal);
                if (Double.isNaN(value)) continue;
                if (before == null || value < goal.measure(before)) best.put(goal, row);
            }
        }
        return best;
    }

    /** Return the rows for people: the fastest first, those that were not measured last. */
    public List<TriedWay> ranked() {
        List<TriedWay> ranked = new ArrayList<>(rows);
        ranked.sort(Comparator.comparingDouble(TriedWay::totalMs)); // NaN is the largest
        return ranked;
    }

    /** Return how many ways are proven, or are not to be. */
    public int proven() {
        return (int) rows.stream().filter(row -> row.state().compareTo(State.RIGHT) >= 0).count();
    }

    /** Return the finished table as {@code deepmark bench --find} prints it, columns by tabs. */
    public String text() {
        StringBuilder text =
                new StringBuilder("way\ttotal ms\tFPS\tpeak RSS, MiB\twarmer by, °C\tproof\n");
        for (TriedWay row : ranked())
            text.append(
                    String.join(
                                    "\t",
                                    row.name(),
                                    shown("%.2f", row.totalMs()),
                                    shown("%.1f", 1000 / row.totalMs()),
                                    shown("%.0f", row.peakMib()),
                                    shown("%+.1f", row.warmerC()),
                                    row.proof())
                            + "\n");
        best().forEach((goal, row) -> text.append(goal.title + ": " + row.name() + "\n"));
        if (!best().containsKey(Goal.LEAST_HEAT))
            text.append(Goal.LEAST_HEAT.title + ": no temperature could be read\n");
        return text.toString();
    }

    private static String shown(String form, double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, form, value);
    }

    /**
     * Return the table as a text to be kept.
     *
     * @param build what the numbers hold for: this app on this system
     * @param process what this process is known by
     */
    String written(String build, String process) {
        try {
            JSONArray ways = new JSONArray();
            for (TriedWay row : rows)
                ways.put(
                        new JSONObject()
                                .put("way", row.way().written())
                                .put("state", row.state().name())
                                .put("reason", row.reason())
                                .put("total_ms", number(row.totalMs()))
                                .put("peak_mib", number(row.peakMib()))
                                .put("warmer_c", number(row.warmerC())));
            return new JSONObject()
                    .put("format", FORMAT)
                    .put("build", build)
                    .put("process", process)
                    .put("ways", ways)
                    .toString();
        } catch (JSONException impossible) {
            throw new IllegalStateException("a number that JSON has not", impossible);
        }
    }

    private static Object number(double value) {
        return Double.isNaN(value) ? JSONObject.NULL : value;
    }

    /**
     * Read a table that was kept. A way that another process was trying has ended it.
     *
     * @return a fresh one where it is none, or of another build or another set of ways
     */
    static SearchTable read(String text, String build, String process) {
        SearchTable fresh = fresh();
        try {
            JSONObject from = new JSONObject(text);
            boolean ours =
                    from.getString("format").equals(FORMAT)
                            && from.getString("build").equals(build);
            JSONArray ways = from.getJSONArray("ways");
            if (!ours || ways.length() != fresh.rows.size()) return fresh;
            List<TriedWay> rows = new ArrayList<>();
            for (int i = 0; i < ways.length(); i++) {
                Way way = fresh.rows.get(i).way();
                JSONObject row = ways.getJSONObject(i);
                Way kept = Way.read(row.getString("way"), Settings.MOST_THREADS, null);
                if (!way.equals(kept)) return fresh;
                rows.add(row(way, row));
            }
            SearchTable table = new SearchTable(rows);
            return from.getString("process").equals(process) ? table : table.afterStart();
        } catch (JSONException | IllegalArgumentException broken) {
            return fresh;
        }
    }

    private static TriedWay row(Way way, JSONObject from) throws JSONException {
        return new TriedWay(
                way,
                State.valueOf(from.getString("state")),
                from.getString("reason"),
                from.optDouble("total_ms"),
                from.optDouble("peak_mib"),
                from.optDouble("warmer_c"));
    }
}
