package deepmark.demo.model;

import android.content.Context;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Way;
import deepmark.demo.model.TriedWay.State;
import deepmark.demo.settings.Settings;
import deepmark.demo.stats.Heat;
import deepmark.demo.stats.LiveNumbers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.DoubleStream;

/**
 * Looks for the best way to compute a model on this phone, as {@code deepmark bench --find} does:
 * every way is proven first by the model's vectors, those that are right take turns, and the table
 * names the best. A way that is wrong, refused or fails stays in the table with its reason.
 *
 * <p>What is known lies on the disk before each step: a driver may end the whole app. The next
 * search goes on without that way. Turns that a search did not end with are taken anew.
 */
public final class WaySearch {
    /**
     * How long is measured.
     *
     * @param rounds that every way gets a turn in
     * @param turn length of each turn
     */
    public record Plan(int rounds, Measurement.Length turn) {
        /** What people have the patience for. */
        public static final Plan USUAL = new Plan(3, new Measurement.Length(4, 1));
    }

    /** What proves and measures ways: the engine, or a test's. */
    interface Bench {
        /** Tell whether a way gives what the network gave when the model was exported. */
        boolean isRight(Way way, AtomicBoolean cancel) throws BundleException, EngineException;

        /** Take a turn of a way. */
        MeasuredTurn turn(Way way, AtomicBoolean cancel)
                throws BundleException, EngineException, IOException;

        /** Return the document of a way's turns. */
        String document(Way way);
    }

    /** Who is told; on the searching thread. */
    public interface Listener {
        /** More is known. */
        void onTable(SearchTable table);

        /** A way's vectors are being run. */
        void onProving(Way way);

        /** The phone is too warm; of its battery in degrees Celsius, NaN where not readable. */
        void onCooling(double battery);

        /** A turn begins, of so many. */
        void onTurn(Way way, int turn, int turns);
    }

    /**
     * Search with the engine; one search after another.
     *
     * @param settings how the model is decoded
     * @param appVersion version of this app
     * @param plan how long is measured
     * @param cancel set it from another thread: the next step does not begin
     * @return the table, finished
     * @throws BundleException the model cannot be unpacked
     * @throws IOException what is known cannot be kept
     * @throws CancellationException it was cancelled; what is proven stays known
     */
    public static synchronized SearchTable run(
            Context context,
            Models models,
            BundleIndex.Entry entry,
            Settings settings,
            String appVersion,
            Plan plan,
            Listener listener,
            AtomicBoolean cancel)
            throws BundleException, IOException {
        return new WaySearch(
                        new SearchStore(context, appVersion),
                        entry,
                        new EngineBench(context, models, entry, settings, appVersion, plan.turn()),
                        new Cooling(new Heat(context), Cooling::sleep),
                        plan.rounds(),
                        listener,
                        cancel)
                .run();
    }

    /** What is done with a way, which may fail. */
    private interface Step {
        void run() throws BundleException, EngineException, IOException;
    }

    private final SearchStore store;
    private final BundleIndex.Entry entry;
    private final Bench bench;
    private final Cooling cooling;
    private final int rounds;
    private final Listener listener;
    private final AtomicBoolean cancel;
    private SearchTable table;

    /**
     * Begin, or go on where an earlier search was ended.
     *
     * @param cancel set it from another thread: the next step does not begin
     */
    WaySearch(
            SearchStore store,
            BundleIndex.Entry entry,
            Bench bench,
            Cooling cooling,
            int rounds,
            Listener listener,
            AtomicBoolean cancel) {
        this.store = store;
        this.entry = entry;
        this.bench = bench;
        this.cooling = cooling;
        this.rounds = rounds;
        this.listener = listener;
        this.cancel = cancel;
        table = store.read(entry);
        if (table.isFinished()) {
            store.forget(entry);
            table = SearchTable.fresh();
        }
    }

    /** Search, and return the table, finished. */
    SearchTable run() throws BundleException, IOException {
        keep(table);
        for (int row = 0; row < table.rows().size(); row++)
            if (table.rows().get(row).state() == State.WAITING) prove(row);
        measure();
        return table;
    }

    private void prove(int row) throws BundleException, IOException {
        Way way = table.rows().get(row).way();
        for (TriedWay other : table.rows().subList(0, row)) {
            if (!other.way().arithmetic().equals(way.arithmetic())) continue;
            TriedWay alike = // the threads make no difference to the numbers
                    new TriedWay(
                            way, other.state(), other.reason(), Double.NaN, Double.NaN, Double.NaN);
            set(row, alike);
            return;
        }
        listener.onProving(way);
        attempt(
                row,
                () -> {
                    boolean right = bench.isRight(way, cancel);
                    set(row, table.rows().get(row).in(right ? State.RIGHT : State.DIFFERS));
                });
    }

    private void measure() throws BundleException, IOException {
        Map<Integer, List<MeasuredTurn>> turns = new TreeMap<>();
        for (int row = 0; row < table.rows().size(); row++)
            if (table.rows().get(row).state() == State.RIGHT) turns.put(row, new ArrayList<>());
        int total = rounds * turns.size();
        int count = 0;
        for (int round = 1; round <= rounds && !turns.isEmpty(); round++) {
            cooling.await(listener::onCooling, cancel);
            for (int row : List.copyOf(turns.keySet())) {
                listener.onTurn(table.rows().get(row).way(), ++count, total);
                if (take(row, turns.get(row))) continue;
                turns.remove(row);
                total -= rounds - round;
            }
        }
        SearchTable measured = table;
        for (Map.Entry<Integer, List<MeasuredTurn>> one : turns.entrySet()) {
            int row = one.getKey();
            store.writeDocument(entry, row, bench.document(table.rows().get(row).way()));
            measured = measured.with(row, figures(table.rows().get(row), one.getValue()));
        }
        keep(measured);
    }

    /** Take a turn of a row; tells whether it went well. */
    private boolean take(int row, List<MeasuredTurn> turns) throws BundleException, IOException {
        Way way = table.rows().get(row).way();
        attempt(
                row,
                () -> {
                    turns.add(bench.turn(way, cancel));
                    set(row, table.rows().get(row).in(State.RIGHT));
                });
        return table.rows().get(row).state() == State.RIGHT;
    }

    private static TriedWay figures(TriedWay row, List<MeasuredTurn> turns) {
        double[] totals =
                turns.stream().flatMapToDouble(one -> DoubleStream.of(one.totals())).toArray();
        double peak = turns.stream().mapToDouble(MeasuredTurn::peakMib).reduce(0, Math::max);
        double warmer =
                turns.stream()
                        .mapToDouble(MeasuredTurn::warmerC)
                        .filter(rise -> !Double.isNaN(rise))
                        .average()
                        .orElse(Double.NaN);
        return row.measured(LiveNumbers.quantile(totals, 0.5), peak, warmer);
    }

    private void attempt(int row, Step step) throws BundleException, IOException {
        if (cancel.get()) throw new CancellationException("it was cancelled");
        TriedWay before = table.rows().get(row);
        set(row, before.in(State.TRYING));
        try {
            step.run();
        } catch (CancellationException | BundleException | IOException ended) { // not of the way
            set(row, before);
            throw ended;
        } catch (EngineException | RuntimeException | OutOfMemoryError failed) {
            set(row, before.refused(String.valueOf(failed.getMessage())));
        }
    }

    private void set(int row, TriedWay known) throws IOException {
        keep(table.with(row, known));
    }

    private void keep(SearchTable known) throws IOException {
        table = known;
        store.write(entry, known);
        listener.onTable(known);
    }
}
