package deepmark.demo.camera;

import java.util.ArrayList;
import java.util.List;

/**
 * What a camera screen does next, whatever comes in which order: permission, surface, open, pause,
 * loss, error.
 *
 * <p>A pure function from a state and an event to a state and actions. Events of a camera carry the
 * number of the opening that they belong to: those of an earlier one are ignored.
 *
 * @param resumed whether the screen is in front
 * @param surface whether there is a surface to draw the preview on
 * @param permission what the user said
 * @param device how far the camera is
 * @param opening number of the latest opening, from 1
 * @param trouble what keeps the picture away, for the user to read
 */
public record CameraScreen(
        boolean resumed,
        boolean surface,
        Permission permission,
        Device device,
        int opening,
        Trouble trouble) {

    /** What the user said to the question for the camera. */
    public enum Permission {
        UNKNOWN,
        ASKING,
        GRANTED,
        REFUSED,
        REFUSED_FOR_GOOD
    }

    /** How far the camera is. */
    public enum Device {
        CLOSED,
        OPENING,
        CONFIGURING,
        STREAMING
    }

    /** What keeps the picture away. */
    public enum Trouble {
        NONE,
        PERMISSION,
        PERMISSION_FOR_GOOD,
        NO_CAMERA,
        TAKEN,
        LOST,
        DISABLED,
        FAILED
    }

    /** What happened. */
    public enum Event {
        RESUMED,
        PAUSED,
        SURFACE_READY,
        SURFACE_LOST,
        PERMISSION_GRANTED,
        PERMISSION_REFUSED,
        PERMISSION_REFUSED_FOR_GOOD,
        OPENED,
        STREAMING,
        NO_CAMERA,
        TAKEN,
        LOST,
        DISABLED,
        FAILED,
        SWITCHED,
        RETRIED
    }

    /** What is to be done now, in this order. */
    public enum Action {
        ASK_PERMISSION,
        OPEN,
        CONFIGURE,
        CLOSE
    }

    /**
     * A state and what is to be done.
     *
     * @param screen the new state
     * @param actions what is to be done, in this order
     */
    public record Step(CameraScreen screen, List<Action> actions) {}

    /** Return the state of a screen that was just created. */
    public static CameraScreen created() {
        return new CameraScreen(false, false, Permission.UNKNOWN, Device.CLOSED, 0, Trouble.NONE);
    }

    /**
     * Return what follows from an event.
     *
     * @param event what happened
     * @param fromOpening number of the opening that a camera's event belongs to; any number for
     *     other events
     */
    public Step after(Event event, int fromOpening) {
        return switch (event) {
            case RESUMED ->
                    begin(new CameraScreen(true, surface, asked(), device, opening, Trouble.NONE));
            case PAUSED ->
                    end(new CameraScreen(false, surface, permission, device, opening, trouble));
            case SURFACE_READY ->
                    begin(new CameraScreen(resumed, true, permission, device, opening, trouble));
            case SURFACE_LOST ->
                    end(new CameraScreen(resumed, false, permission, device, opening, trouble));
            case PERMISSION_GRANTED -> begin(withPermission(Permission.GRANTED, Trouble.NONE));
            case PERMISSION_REFUSED -> end(withPermission(Permission.REFUSED, Trouble.PERMISSION));
            case PERMISSION_REFUSED_FOR_GOOD ->
                    end(withPermission(Permission.REFUSED_FOR_GOOD, Trouble.PERMISSION_FOR_GOOD));
            case SWITCHED, RETRIED -> restart();
            case OPENED ->
                    belongs(fromOpening, Device.OPENING)
                            ? step(withDevice(Device.CONFIGURING), Action.CONFIGURE)
                            : step(this);
            case STREAMING ->
                    belongs(fromOpening, Device.CONFIGURING)
                            ? step(withDevice(Device.STREAMING))
                            : step(this);
            case NO_CAMERA -> fault(fromOpening, Trouble.NO_CAMERA);
            case TAKEN -> fault(fromOpening, Trouble.TAKEN);
            case LOST -> fault(fromOpening, Trouble.LOST);
            case DISABLED -> fault(fromOpening, Trouble.DISABLED);
            case FAILED -> fault(fromOpening, Trouble.FAILED);
        };
    }

    /** A question that the system dropped, as it does on a rotation, may be asked again. */
    private Permission asked() {
        return permission == Permission.GRANTED || permission == Permission.ASKING
                ? permission
                : Permission.UNKNOWN;
    }

    private CameraScreen withPermission(Permission said, Trouble now) {
        return new CameraScreen(resumed, surface, said, device, opening, now);
    }

    private CameraScreen withDevice(Device now) {
        return new CameraScreen(resumed, surface, permission, now, opening, trouble);
    }

    private boolean belongs(int fromOpening, Device expected) {
        return fromOpening == opening && device == expected;
    }

    private Step fault(int fromOpening, Trouble what) {
        if (fromOpening != opening || device == Device.CLOSED) {
            return step(this);
        }
        return step(
                new CameraScreen(resumed, surface, permission, Device.CLOSED, opening, what),
                Action.CLOSE);
    }

    private Step restart() {
        List<Action> actions = new ArrayList<>();
        if (device != Device.CLOSED) {
            actions.add(Action.CLOSE);
        }
        Step begun =
                begin(
                        new CameraScreen(
                                resumed,
                                surface,
                                permission == Permission.REFUSED ? Permission.UNKNOWN : permission,
                                Device.CLOSED,
                                opening,
                                permission == Permission.REFUSED_FOR_GOOD
                                        ? Trouble.PERMISSION_FOR_GOOD
                                        : Trouble.NONE));
        actions.addAll(begun.actions());
        return new Step(begun.screen(), List.copyOf(actions));
    }

    private static Step begin(CameraScreen state) {
        if (!state.resumed || state.device != Device.CLOSED || state.trouble != Trouble.NONE) {
            return step(state);
        }
        if (state.permission == Permission.UNKNOWN) {
            return step(
                    state.withPermission(Permission.ASKING, Trouble.NONE), Action.ASK_PERMISSION);
        }
        if (!state.surface || state.permission != Permission.GRANTED) {
            return step(state);
        }
        return step(
                new CameraScreen(
                        true,
                        true,
                        Permission.GRANTED,
                        Device.OPENING,
                        state.opening + 1,
                        Trouble.NONE),
                Action.OPEN);
    }

    private static Step end(CameraScreen state) {
        return state.device == Device.CLOSED
                ? step(state)
                : step(state.withDevice(Device.CLOSED), Action.CLOSE);
    }

    private static Step step(CameraScreen state, Action... actions) {
        return new Step(state, List.of(actions));
    }
}
