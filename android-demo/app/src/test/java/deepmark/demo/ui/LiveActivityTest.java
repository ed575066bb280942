package deepmark.demo.ui;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.content.pm.PackageManager;
import android.graphics.SurfaceTexture;
import android.os.Looper;
import android.view.View;
import android.widget.Button;
import android.widget.Spinner;
import android.widget.Switch;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.camera.CameraScreen.Event;
import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.Way;
import deepmark.demo.model.Models;
import deepmark.demo.settings.Settings;

import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

import java.util.ArrayList;
import java.util.List;

/**
 * The live screen through permission, pause, rotation, loss and errors; each trouble is a sentence
 * with a way out.
 */
@RunWith(RobolectricTestRunner.class)
public final class LiveActivityTest {
    private final FakeCameras cameras = new FakeCameras();
    private ActivityController<LiveActivity> controller;

    @Before
    public void useFakeCameras() {
        RuntimeEnvironment.setQualifiers("en-w400dp-h880dp-xhdpi");
        DemoApp app = DemoApp.of(RuntimeEnvironment.getApplication());
        app.useCameras(cameras);
        app.useModels(new Models(app, new BundleIndex(true, "tests", List.of())));
    }

    private void allow() {
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
    }

    private LiveActivity start() {
        controller = Robolectric.buildActivity(LiveActivity.class).setup();
        return controller.get();
    }

    private LiveActivity startWithSurface() {
        allow();
        LiveActivity live = start();
        live.onSurfaceTextureAvailable(new SurfaceTexture(0), 400, 800);
        settle();
        return live;
    }

    private static void settle() {
        shadowOf(Looper.getMainLooper()).idle();
    }

    private static String message(LiveActivity live) {
        View panel = live.findViewById(R.id.message);
        TextView text = live.findViewById(R.id.message_text);
        return panel.getVisibility() == View.VISIBLE ? text.getText().toString() : "";
    }

    @Test
    public void withPermissionAndSurfaceTheCameraOpensAndPauseClosesIt() {
        startWithSurface();
        assertEquals("open 0", cameras.calls.get(cameras.calls.size() - 1));
        cameras.tell(Event.OPENED);
        cameras.tell(Event.STREAMING);
        controller.pause();
        assertEquals("close", cameras.calls.get(cameras.calls.size() - 1));
        controller.resume();
        settle();
        assertEquals("open 0", cameras.calls.get(cameras.calls.size() - 1));
    }

    @Test
    public void aRefusalIsASentenceAndAButton() {
        LiveActivity live = start();
        live.onRequestPermissionsResult(
                1,
                new String[] {Manifest.permission.CAMERA},
                new int[] {PackageManager.PERMISSION_DENIED});
        assertEquals(live.getString(R.string.permission_refused_for_good), message(live));
        Button action = live.findViewById(R.id.message_action);
        action.performClick();
        assertEquals(
                android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                shadowOf(live).getNextStartedActivity().getAction());
        shadowOf(live.getPackageManager())
                .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true);
        live.onRequestPermissionsResult(
                1,
                new String[] {Manifest.permission.CAMERA},
                new int[] {PackageManager.PERMISSION_DENIED});
        assertEquals(live.getString(R.string.permission_refused), message(live));
        assertEquals(live.getString(R.string.ask_again), action.getText().toString());
        assertFalse(cameras.calls.contains("open 0"));
    }

    @Test
    public void everyTroubleOfTheCameraIsTold() {
        LiveActivity live = startWithSurface();
        Event[] faults = {Event.TAKEN, Event.LOST, Event.DISABLED, Event.FAILED};
        int[] sentences = {
            R.string.camera_taken,
            R.string.camera_lost,
            R.string.camera_disabled,
            R.string.camera_failed
        };
        for (int i = 0; i < faults.length; i++) {
            cameras.tell(faults[i]);
            assertEquals(live.getString(sentences[i]), message(live));
            Button action = live.findViewById(R.id.message_action);
            action.performClick();
            settle();
            assertEquals("open 0", cameras.calls.get(cameras.calls.size() - 1));
        }
    }

    @Test
    public void aPhoneWithoutCameraIsTold() {
        cameras.all = List.of();
        LiveActivity live = startWithSurface();
        assertEquals(live.getString(R.string.no_camera), message(live));
    }

    @Test
    public void switchingOpensTheOtherCameraAndItIsKept() {
        LiveActivity live = startWithSurface();
        live.findViewById(R.id.switch_camera).performClick();
        settle();
        assertEquals(
                List.of("close", "open 1"),
                cameras.calls.subList(cameras.calls.size() - 2, cameras.calls.size()));
        assertTrue(DemoApp.of(live).settings().read().front());
        assertFalse(live.findViewById(R.id.torch).isEnabled());
    }

    @Test
    public void freezeAndTorchReachTheCameraAndFreezeOutlivesARotation() {
        LiveActivity live = startWithSurface();
        live.findViewById(R.id.torch).performClick();
        live.findViewById(R.id.freeze).performClick();
        assertEquals(
                List.of("light", "freeze"),
                cameras.calls.subList(cameras.calls.size() - 2, cameras.calls.size()));
        controller.recreate();
        assertTrue(controller.get().findViewById(R.id.freeze).isActivated());
    }

    @Test
    public void aFrozenScreenThatComesBackHasAPictureToBeFrozenAt() {
        LiveActivity live = startWithSurface();
        cameras.tell(Event.OPENED);
        cameras.tell(Event.STREAMING);
        live.findViewById(R.id.freeze).performClick();
        controller.pause();
        cameras.calls.clear();
        controller.resume();
        settle();
        cameras.tell(Event.OPENED);
        cameras.tell(Event.STREAMING);
        assertFalse("frozen before a picture came", cameras.calls.contains("freeze"));
        for (int i = 0; i < 40; i++) {
            live.onFrame(new FakeCameras.Frame(4, 4, new byte[16], new byte[4], new byte[4]));
        }
        settle();
        assertEquals(1, cameras.calls.stream().filter("freeze"::equals).count());
    }

    @Test
    public void whatAnotherScreenChangedIsShownAndNotUndone() {
        LiveActivity live = startWithSurface();
        Settings before = DemoApp.of(live).settings().read();
        controller.pause();
        Decoding other = before.decoding().with(2, false).withScore(0.55);
        DemoApp.of(live).settings().write(before.withDecoding(other).withWay(before.way().with(3)));
        controller.resume();
        settle();
        Switch blur = live.findViewById(R.id.technique2);
        assertFalse(blur.isChecked());
        live.findViewById(R.id.technique1).performClick();
        Settings now = DemoApp.of(live).settings().read();
        assertEquals(other.with(1, false), now.decoding());
        assertEquals(3, now.way().threads());
    }

    @Test
    public void whatComputesIsChosenInTheControls() {
        LiveActivity live = startWithSurface();
        Spinner compute = live.findViewById(R.id.compute);
        assertTrue(live.findViewById(R.id.threads).isEnabled());
        List<String> found = new ArrayList<>();
        for (int position = 0; position < compute.getCount(); position++) {
            choose(live, R.id.compute, position);
            Way way = DemoApp.of(live).settings().read().way();
            found.add(compute.getItemAtPosition(position) + ": " + way.arithmetic());
        }
        assertEquals(
                List.of(
                        "CPU: fp32",
                        "GPU, OpenCL, images: opencl image high",
                        "GPU, OpenCL, buffers: opencl buffer high",
                        "GPU, Vulkan: vulkan high"),
                found);
        assertFalse("a GPU has no threads", live.findViewById(R.id.threads).isEnabled());
    }

    @Test
    public void eachModelIsComputedAsItWasLast() {
        DemoApp app = DemoApp.of(RuntimeEnvironment.getApplication());
        List<BundleIndex.Entry> both =
                List.of(
                        new BundleIndex.Entry("shirt", "a".repeat(64), List.of()),
                        new BundleIndex.Entry("skirt", "b".repeat(64), List.of()));
        app.useModels(new Models(app, new BundleIndex(true, "tests", both)));
        LiveActivity live = startWithSurface();
        choose(live, R.id.compute, 1);
        choose(live, R.id.model, 1);
        choose(live, R.id.compute, 0);
        choose(live, R.id.model, 0);
        assertEquals("opencl image high", app.settings().read().way().arithmetic());
        Spinner compute = live.findViewById(R.id.compute);
        assertEquals("it is shown", 1, compute.getSelectedItemPosition());
        choose(live, R.id.model, 1);
        assertEquals("fp32", app.settings().read().way().arithmetic());
    }

    /** As a tap in an open panel does: a list that is not laid out tells of no choice. */
    private static void choose(LiveActivity live, int list, int position) {
        Spinner from = live.findViewById(list);
        from.getOnItemSelectedListener().onItemSelected(from, null, position, position);
    }

    @Test
    public void aLostSurfaceClosesTheCamera() {
        LiveActivity live = startWithSurface();
        live.onSurfaceTextureDestroyed(new SurfaceTexture(0));
        assertEquals("close", cameras.calls.get(cameras.calls.size() - 1));
    }

    @Test
    public void aFrameThatNobodyWantsIsGivenBack() {
        LiveActivity live = startWithSurface();
        FakeCameras.Frame frame =
                new FakeCameras.Frame(4, 4, new byte[16], new byte[4], new byte[4]);
        live.onFrame(frame);
        assertTrue(frame.closed);
    }
}
