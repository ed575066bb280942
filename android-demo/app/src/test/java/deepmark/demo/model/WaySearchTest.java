package deepmark.demo.model;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.os.BatteryManager;

import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.Way;
import deepmark.demo.model.SearchTable.Goal;
import deepmark.demo.model.TriedWay.State;
import deepmark.demo.stats.Heat;

import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;

/** Every way is proven, those that are right are measured, and whatever one does costs itself. */
@RunWith(RobolectricTestRunner.class)
public final class WaySearchTest {
    private static final BundleIndex.Entry ENTRY =
            new BundleIndex.Entry("shirt", "a".repeat(64), List.of());
    private static final String VULKAN = "vulkan normal";

    private final Map<String, Runnable> proofs = new HashMap<>();
    private final Map<String, Runnable> turns = new HashMap<>();
    private final List<String> calls = new ArrayList<>();
    private final AtomicBoolean cancel = new AtomicBoolean();
    private int processes;

    /** What ends a process: nobody may catch it. */
    private static final class ProcessEnded extends Error {
        private static final long serialVersionUID = 1;
    }

    private final WaySearch.Bench bench =
            new WaySearch.Bench() {
                @Override
                public boolean isRight(Way way, AtomicBoolean cancelled) {
                    calls.add("prove " + way.arithmetic());
                    assertTrue("on disk before it is tried", isTriedOnDisk(way));
                    proofs.getOrDefault(way.arithmetic(), () -> {}).run();
                    return !way.arithmetic().equals("opencl image low");
                }

                @Override
                public MeasuredTurn turn(Way way, AtomicBoolean cancelled) {
                    calls.add("turn " + way.arithmetic());
                    assertTrue("on disk before it is tried", isTriedOnDisk(way));
                    turns.getOrDefault(way.arithmetic(), () -> {}).run();
                    double ms = way.compute() == Compute.CPU ? 60 / way.threads() : 20;
                    double peak = way.compute() == Compute.CPU ? 100 : 200;
                    double warmer = way.compute() == Compute.VULKAN ? Double.NaN : ms / 100;
                    return new MeasuredTurn(new double[] {ms, ms + 1, ms + 2}, 0, peak, warmer);
                }

                @Override
                public String document(Way way) {
                    return "document of " + way.written();
                }
            };

    private final WaySearch.Listener silent =
            new WaySearch.Listener() {
                @Override
                public void onTable(SearchTable table) {
                    // Tests look at the end.
                }

                @Override
                public void onProving(Way way) {
                    // The bench hears of it.
                }

                @Override
                public void onCooling(double battery) {
                    throw new AssertionError("the phone is cool");
                }

                @Override
                public void onTurn(Way way, int turn, int count) {
                    assertTrue(turn + " of " + count, turn <= count);
                }
            };

    @Before
    @SuppressWarnings("deprecation") // sticky broadcasts are the system's
    public void useCoolPhone() {
        RuntimeEnvironment.getApplication()
                .sendStickyBroadcast(
                        new Intent(Intent.ACTION_BATTERY_CHANGED)
                                .putExtra(BatteryManager.EXTRA_TEMPERATURE, 300));
    }

    private static SearchStore store(String process) {
        return new SearchStore(RuntimeEnvironment.getApplication(), "1", process);
    }

    private static boolean isTriedOnDisk(Way way) {
        for (TriedWay row : store("later").read(ENTRY).rows())
            if (row.way().equals(way)) return row.state() == State.ENDED_APP;
        return false;
    }

    /** A search in a process of its own. */
    private SearchTable search() throws Exception {
        Heat heat = new Heat(RuntimeEnvironment.getApplication());
        Cooling cooling = new Cooling(heat, (seconds, cancelled) -> {});
        String process = "process " + ++processes;
        return new WaySearch(store(process), ENTRY, bench, cooling, 3, silent, cancel).run();
    }

    private static Map<State, List<String>> states(SearchTable table) {
        return table.rows().stream()
                .collect(
                        Collectors.groupingBy(
                                TriedWay::state,
                                Collectors.mapping(TriedWay::name, Collectors.toList())));
    }

    @Test
    public void whatIsRightTakesTurnsAndTheBestAreNamed() throws Exception {
        SearchTable table = search();
        assertTrue(table.isFinished());
        assertEquals(List.of("opencl image low"), states(table).get(State.DIFFERS));
        assertEquals(13, states(table).get(State.MEASURED).size());
        assertEquals("threads make no other numbers", 10, calls.indexOf("turn fp32"));
        List<String> measured = calls.subList(10, calls.size());
        assertEquals("in rounds", measured.subList(0, 13), measured.subList(26, 39));
        assertEquals(39, measured.size());
        TriedWay fastest = table.best().get(Goal.FASTEST);
        assertEquals("fp32, threads 4", fastest.name());
        assertEquals(16, fastest.totalMs(), 1e-9);
        assertEquals("fp32, threads 1", table.best().get(Goal.LEAST_MEMORY).name());
        assertEquals("fp32, threads 4", table.best().get(Goal.LEAST_HEAT).name());
        assertEquals(13, store("later").documents(ENTRY).size());
        assertEquals(table, store("later").read(ENTRY));
    }

    @Test
    public void aWayThatFailsStaysWithItsReason() throws Exception {
        proofs.put(
                "vulkan high",
                () -> {
                    throw new IllegalStateException("no Vulkan");
                });
        proofs.put(
                "fp16",
                () -> {
                    throw new OutOfMemoryError("no memory");
                });
        turns.put(
                "opencl buffer low",
                () -> {
                    throw new IllegalStateException("the GPU was lost");
                });
        SearchTable table = search();
        Map<String, String> reasons = new HashMap<>();
        for (TriedWay row : table.rows())
            if (row.state() == State.REFUSED) reasons.put(row.name(), row.reason());
        assertEquals(
                Map.of(
                        "vulkan high", "no Vulkan",
                        "fp16, threads 1", "no memory",
                        "fp16, threads 2", "no memory",
                        "fp16, threads 4", "no memory",
                        "opencl buffer low", "the GPU was lost"),
                reasons);
        assertEquals(1, Collections.frequency(calls, "turn opencl buffer low"));
        assertEquals(3, Collections.frequency(calls, "turn vulkan normal"));
        assertTrue(table.text(), table.text().contains("vulkan high\t-\t-\t-\t-\tno Vulkan\n"));
        assertTrue(table.text(), table.text().endsWith("least heat: fp32, threads 4\n"));
    }

    private static void end() {
        throw new ProcessEnded();
    }

    @Test
    public void theSearchGoesOnWithoutAWayThatEndedTheAppInItsProof() throws Exception {
        proofs.put("opencl image normal", WaySearchTest::end);
        assertThrows(ProcessEnded.class, this::search);
        SearchTable known = store("later").read(ENTRY);
        assertEquals(List.of("opencl image normal"), states(known).get(State.ENDED_APP));
        assertEquals(7, states(known).get(State.RIGHT).size());
        calls.clear();
        SearchTable table = search();
        assertEquals("what was proven is not proven again", "prove opencl image low", calls.get(0));
        assertFalse(calls.contains("turn opencl image normal"));
        assertEquals(List.of("opencl image normal"), states(table).get(State.ENDED_APP));
        assertEquals(12, states(table).get(State.MEASURED).size());
    }

    @Test
    public void theSearchGoesOnWithoutAWayThatEndedTheAppInItsTurn() throws Exception {
        turns.put(VULKAN, WaySearchTest::end);
        assertThrows(ProcessEnded.class, this::search);
        calls.clear();
        SearchTable table = search();
        assertEquals("all is proven", "turn fp32", calls.get(0));
        assertEquals(List.of(VULKAN), states(table).get(State.ENDED_APP));
        assertEquals(36, calls.size());
    }

    @Test
    public void aSearchThatIsCancelledGoesOnWhereItWas() throws Exception {
        proofs.put(
                VULKAN,
                () -> {
                    cancel.set(true);
                    throw new CancellationException();
                });
        assertThrows(CancellationException.class, this::search);
        assertEquals(List.of(VULKAN), states(store("later").read(ENTRY)).get(State.WAITING));
        proofs.clear();
        cancel.set(false);
        calls.clear();
        assertTrue(search().isFinished());
        assertEquals("prove " + VULKAN, calls.get(0));
        assertEquals("turn fp32", calls.get(1));
    }

    @Test
    public void aCancelledSearchBeginsNothing() {
        cancel.set(true);
        assertThrows(CancellationException.class, this::search);
        assertEquals(List.of(), calls);
    }

    @Test
    public void aFinishedSearchIsFollowedByAFreshOne() throws Exception {
        search();
        calls.clear();
        proofs.put("fp32", WaySearchTest::end);
        assertThrows(ProcessEnded.class, this::search);
        assertEquals(List.of("prove fp32"), calls);
        assertEquals("of the earlier search", List.of(), store("later").documents(ENTRY));
    }

    @Test
    public void whatAnotherBuildFoundOrNobodyCanReadIsForgotten() throws Exception {
        String kept = search().written("phone 1", "a");
        assertTrue(SearchTable.read(kept, "phone 1", "b").isFinished());
        for (String text :
                List.of("", "{}", kept.replace("IMAGE", "CLOUD"), kept.replace("/1", "/2")))
            assertTrue(text, SearchTable.read(text, "phone 1", "b").isFresh());
        assertTrue(SearchTable.read(kept, "phone 2", "b").isFresh());
    }

    @Test
    public void whereNothingIsRightNothingIsTheBest() throws Exception {
        for (Way way : Way.all())
            proofs.put(
                    way.arithmetic(),
                    () -> {
                        throw new IllegalStateException("no library");
                    });
        SearchTable table = search();
        assertTrue(table.isFinished());
        assertEquals(Map.of(), table.best());
    }
}
