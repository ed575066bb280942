package deepmark.demo.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import deepmark.demo.camera.CameraScreen.Action;
import deepmark.demo.camera.CameraScreen.Device;
import deepmark.demo.camera.CameraScreen.Event;
import deepmark.demo.camera.CameraScreen.Permission;
import deepmark.demo.camera.CameraScreen.Trouble;

import org.junit.Test;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Every order of permission, surface, opening, pause, loss and error, against a camera that follows
 * the rules.
 */
public final class CameraScreenTest {
    /** What a camera would say of what it was told, and the rules it is used by. */
    private static final class FakeCamera {
        boolean open;
        boolean configured;
        int asked;

        void take(Action action) {
            switch (action) {
                case OPEN -> {
                    assertFalse("opened while open", open);
                    open = true;
                }
                case CONFIGURE -> {
                    assertTrue("configured while closed", open);
                    assertFalse("configured twice", configured);
                    configured = true;
                }
                case CLOSE -> {
                    assertTrue("closed while closed", open);
                    open = false;
                    configured = false;
                }
                case ASK_PERMISSION -> asked++;
            }
        }
    }

    private static CameraScreen after(CameraScreen from, Event... events) {
        CameraScreen screen = from;
        for (Event event : events) screen = screen.after(event, screen.opening()).screen();
        return screen;
    }

    @Test
    public void theUsualWayEndsInAPicture() {
        CameraScreen screen =
                after(
                        CameraScreen.created(),
                        Event.RESUMED,
                        Event.SURFACE_READY,
                        Event.PERMISSION_GRANTED,
                        Event.OPENED,
                        Event.STREAMING);
        assertEquals(Device.STREAMING, screen.device());
        assertEquals(Trouble.NONE, screen.trouble());
    }

    @Test
    public void aRefusalAsksOnceAndNotAgainUntilTheUserWants() {
        CameraScreen refused =
                after(
                        CameraScreen.created(),
                        Event.RESUMED,
                        Event.SURFACE_READY,
                        Event.PERMISSION_REFUSED);
        assertEquals(Trouble.PERMISSION, refused.trouble());
        assertEquals(List.of(), refused.after(Event.SURFACE_READY, 0).actions());
        assertEquals(List.of(Action.ASK_PERMISSION), refused.after(Event.RETRIED, 0).actions());
        CameraScreen forGood = refused.after(Event.PERMISSION_REFUSED_FOR_GOOD, 0).screen();
        assertEquals(List.of(), forGood.after(Event.RETRIED, 0).actions());
        assertEquals(Trouble.PERMISSION_FOR_GOOD, forGood.trouble());
        CameraScreen granted =
                after(forGood, Event.PAUSED, Event.PERMISSION_GRANTED, Event.RESUMED);
        assertEquals(Device.OPENING, granted.device());
    }

    @Test
    public void eventsOfAnEarlierOpeningChangeNothing() {
        CameraScreen opening =
                after(
                        CameraScreen.created(),
                        Event.PERMISSION_GRANTED,
                        Event.SURFACE_READY,
                        Event.RESUMED);
        int first = opening.opening();
        CameraScreen again = after(opening, Event.PAUSED, Event.RESUMED);
        assertEquals(first + 1, again.opening());
        for (Event late :
                List.of(Event.OPENED, Event.STREAMING, Event.LOST, Event.TAKEN, Event.FAILED)) {
            CameraScreen.Step step = again.after(late, first);
            assertEquals(late.name(), again, step.screen());
            assertEquals(late.name(), List.of(), step.actions());
        }
    }

    @Test
    public void everyTroubleClosesTheCameraAndTryingAgainOpensIt() {
        CameraScreen running =
                after(
                        CameraScreen.created(),
                        Event.PERMISSION_GRANTED,
                        Event.SURFACE_READY,
                        Event.RESUMED,
                        Event.OPENED,
                        Event.STREAMING);
        for (Event fault : List.of(Event.TAKEN, Event.LOST, Event.DISABLED, Event.FAILED)) {
            CameraScreen.Step step = running.after(fault, running.opening());
            assertEquals(List.of(Action.CLOSE), step.actions());
            assertEquals(fault.name(), step.screen().trouble().name());
            assertEquals(List.of(Action.OPEN), step.screen().after(Event.RETRIED, 0).actions());
        }
    }

    @Test
    public void inEveryOrderTheCameraIsUsedByItsRulesAndClosedBehindOtherApps() {
        // All states that can be reached by any sequence of events: breadth first, with the fake
        // camera beside it.
        record Seen(CameraScreen screen, boolean open, boolean configured) {}
        Set<Seen> seen = new HashSet<>();
        Deque<Seen> left = new ArrayDeque<>();
        Seen begin = new Seen(CameraScreen.created(), false, false);
        left.add(begin);
        while (!left.isEmpty()) {
            Seen now = left.remove();
            for (Event event : Event.values()) {
                for (int opening : new int[] {now.screen.opening(), now.screen.opening() - 1}) {
                    FakeCamera camera = new FakeCamera();
                    camera.open = now.open;
                    camera.configured = now.configured;
                    CameraScreen.Step step = now.screen.after(event, opening);
                    step.actions().forEach(camera::take);
                    CameraScreen next = step.screen();
                    String what = now.screen + " " + event;
                    assertEquals(what, camera.open, next.device() != Device.CLOSED);
                    if (camera.open) {
                        assertTrue(what, next.resumed() && next.surface());
                        assertEquals(what, Permission.GRANTED, next.permission());
                    }
                    // Openings are only counted: states that differ by their number behave alike.
                    CameraScreen same =
                            new CameraScreen(
                                    next.resumed(),
                                    next.surface(),
                                    next.permission(),
                                    next.device(),
                                    Math.min(next.opening(), 2),
                                    next.trouble());
                    Seen found = new Seen(same, camera.open, camera.configured);
                    if (seen.add(found)) left.add(found);
                }
            }
        }
        assertTrue("states: " + seen.size(), seen.size() > 50);
    }
}
