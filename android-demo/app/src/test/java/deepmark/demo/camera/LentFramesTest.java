package deepmark.demo.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A camera's reader is closed once, and never while a frame of it is out. */
public final class LentFramesTest {
    private final AtomicInteger closed = new AtomicInteger();
    private final LentFrames frames = new LentFrames(closed::incrementAndGet);

    @Test
    public void withoutFramesItIsClosedAtOnceAndOnce() {
        frames.end();
        frames.end();
        assertEquals(1, closed.get());
        assertFalse(frames.lend());
    }

    @Test
    public void theLastFrameThatComesBackClosesIt() {
        assertTrue(frames.lend());
        assertTrue(frames.lend());
        frames.takeBack();
        frames.end();
        assertFalse(frames.lend());
        assertEquals(0, closed.get());
        frames.takeBack();
        assertEquals(1, closed.get());
    }

    @Test
    public void framesThatComeAndGoCloseNothing() {
        for (int i = 0; i < 10; i++) {
            assertTrue(frames.lend());
            frames.takeBack();
        }
        assertEquals(0, closed.get());
    }

    @Test
    public void fourThreadsAndAnEndCloseItOnceAndAfterThem() throws InterruptedException {
        for (int round = 0; round < 200; round++) {
            AtomicInteger out = new AtomicInteger();
            AtomicInteger outWhenClosed = new AtomicInteger(-1);
            AtomicInteger times = new AtomicInteger();
            LentFrames shared =
                    new LentFrames(
                            () -> {
                                outWhenClosed.set(out.get());
                                times.incrementAndGet();
                            });
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                threads.add(
                        new Thread(
                                () -> {
                                    while (shared.lend()) {
                                        out.incrementAndGet();
                                        Thread.yield();
                                        out.decrementAndGet();
                                        shared.takeBack();
                                    }
                                }));
            }
            for (Thread one : threads) one.start();
            Thread.yield();
            shared.end();
            for (Thread one : threads) one.join();
            assertEquals(1, times.get());
            assertEquals(0, outWhenClosed.get());
        }
    }
}
