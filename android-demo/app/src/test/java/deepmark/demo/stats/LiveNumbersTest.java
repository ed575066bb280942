package deepmark.demo.stats;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

/** The live view's numbers are those of the last sixty frames, and of nothing else. */
public final class LiveNumbersTest {
    @Test
    public void beforeTheFirstFrameThereIsNoNumber() {
        LiveNumbers.Shown none = new LiveNumbers().shown();
        assertEquals(0, none.frames());
        assertTrue(Double.isNaN(none.median()));
        assertTrue(Double.isNaN(none.framesPerSecond()));
    }

    @Test
    public void steadyFramesGiveTheirRate() {
        LiveNumbers numbers = new LiveNumbers();
        for (int i = 0; i <= 20; i++) numbers.add(100 * i, 1, 60 + i, 2);
        LiveNumbers.Shown shown = numbers.shown();
        assertEquals(10, shown.framesPerSecond(), 1e-9);
        assertEquals(73, shown.median(), 1e-9);
        assertEquals(70, shown.network(), 1e-9);
        assertEquals(81, shown.p90(), 1e-9);
    }

    @Test
    public void onlyTheLastSixtyCount() {
        LiveNumbers numbers = new LiveNumbers();
        for (int i = 0; i < 1000; i++) numbers.add(i, 0, 1e6, 0);
        for (int i = 0; i < 60; i++) numbers.add(1000 + 50 * i, 1, 2, 3);
        LiveNumbers.Shown shown = numbers.shown();
        assertEquals(60, shown.frames());
        assertEquals(6, shown.median(), 1e-9);
        assertEquals(20, shown.framesPerSecond(), 1e-9);
        numbers.clear();
        assertEquals(0, numbers.shown().frames());
    }

    @Test
    public void aPhoneThatGetsWarmIsSeenAndASteadyOneIsNot() {
        double[] warm = new double[90];
        double[] steady = new double[90];
        for (int i = 0; i < 90; i++) {
            warm[i] = 50 + i / 3.0;
            steady[i] = 50 + i % 3;
        }
        assertFalse(Drift.isSteady(warm));
        assertTrue(Drift.isSteady(steady));
        assertTrue(Double.isNaN(Drift.of(new double[2])));
    }
}
