package deepmark.demo.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Only the newest frame is analysed, and every other one is given back to the camera. */
public final class LatestFrameTest {
    private static final class Counted implements LatestFrame.Frame {
        final AtomicInteger closed = new AtomicInteger();

        @Override
        public void close() {
            closed.incrementAndGet();
        }
    }

    @Test
    public void aNewerFrameReplacesOneThatWaits() throws InterruptedException {
        LatestFrame<Counted> slot = new LatestFrame<>();
        Counted old = new Counted();
        Counted recent = new Counted();
        slot.offer(old);
        slot.offer(recent);
        assertEquals(1, old.closed.get());
        assertEquals(1, slot.dropped());
        assertSame(recent, slot.take());
        assertEquals(0, recent.closed.get());
    }

    @Test
    public void aClosedSlotKeepsNothing() throws InterruptedException {
        LatestFrame<Counted> slot = new LatestFrame<>();
        Counted waiting = new Counted();
        Counted late = new Counted();
        slot.offer(waiting);
        slot.close();
        slot.offer(late);
        assertEquals(1, waiting.closed.get());
        assertEquals(1, late.closed.get());
        assertNull(slot.take());
    }

    @Test
    public void underLoadEveryFrameIsClosedOnceAndTheLastIsSeen() throws InterruptedException {
        LatestFrame<Counted> slot = new LatestFrame<>();
        List<Counted> frames = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) frames.add(new Counted());
        AtomicInteger taken = new AtomicInteger();
        Thread network =
                new Thread(
                        () -> {
                            try {
                                for (Counted one = slot.take(); one != null; one = slot.take()) {
                                    taken.incrementAndGet();
                                    one.close();
                                }
                            } catch (InterruptedException stopped) {
                                Thread.currentThread().interrupt();
                            }
                        });
        network.start();
        for (Counted one : frames) slot.offer(one);
        slot.close();
        network.join();
        assertTrue(frames.stream().allMatch(one -> one.closed.get() == 1));
        assertTrue(taken.get() + slot.dropped() <= frames.size());
    }

    @Test
    public void whoWaitsIsWokenByClosing() throws InterruptedException {
        LatestFrame<Counted> slot = new LatestFrame<>();
        Thread network =
                new Thread(
                        () -> {
                            try {
                                assertNull(slot.take());
                            } catch (InterruptedException stopped) {
                                Thread.currentThread().interrupt();
                            }
                        });
        network.start();
        slot.close();
        network.join(10_000);
        assertTrue(!network.isAlive());
    }
}
