package deepmark.demo.ui;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.net.Uri;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.TextureView;
import android.view.View;
import android.view.WindowInsets;
import android.view.WindowManager;
import android.widget.ImageButton;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.camera.CameraFrame;
import deepmark.demo.camera.CameraScreen;
import deepmark.demo.camera.CameraScreen.Event;
import deepmark.demo.camera.CameraScreen.Trouble;
import deepmark.demo.camera.Cameras;
import deepmark.demo.model.Analyser;
import deepmark.demo.model.Models;
import deepmark.demo.settings.Settings;
import deepmark.demo.stats.Heat;
import deepmark.demo.stats.LiveNumbers;
import deepmark.demo.view.FrameGeometry;
import deepmark.demo.view.ModelCard;
import deepmark.demo.view.OverlayView;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * The first screen: what the camera sees, with garments and landmarks, and numbers that are true.
 */
public final class LiveActivity extends Activity
        implements Cameras.Listener, Analyser.Listener, TextureView.SurfaceTextureListener {
    private static final int CAMERA_QUESTION = 1;
    private static final int NO_OPENING = 0;
    private static final long NUMBERS_MS = 250;
    private static final int FRAMES_TO_SETTLE = 15; // a camera that starts is dark at first
    private static final String FROZEN = "frozen";

    private final Handler main = new Handler(Looper.getMainLooper());
    private final LiveNumbers numbers = new LiveNumbers();
    private CameraScreen screen = CameraScreen.created();
    private Cameras cameras;
    private List<Cameras.Lens> lenses = List.of();

    /** Frames of a camera that starts, before the screen that was frozen is frozen again. */
    private final AtomicInteger framesToFreeze = new AtomicInteger();

    private Settings settings;
    private Heat heat;
    private TextureView preview;
    private OverlayView overlay;
    private FrameGeometry geometry;
    private volatile Analyser analyser;
    private Analyser.Result latest;
    private boolean standIn;
    private boolean torch;
    private boolean frozen;
    private boolean differs;
    private LivePanels panels;
    private ControlsPanel controls;
    private String damaged = "";
    private String failure = "";
    private String waiting = "";
    private String look = "";

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.live);
        DemoApp app = DemoApp.of(this);
        cameras = app.cameras();
        heat = new Heat(this);
        settings = app.settings().read();
        frozen = saved != null && saved.getBoolean(FROZEN);
        preview = findViewById(R.id.preview);
        overlay = findViewById(R.id.overlay);
        preview.setSurfaceTextureListener(this);
        preview.addOnLayoutChangeListener((view, l, t, r, b, ol, ot, or, ob) -> place());
        panels = new LivePanels(this, this::mend);
        drawBehindBars();
        readModels(app.models());
        findViewById(R.id.pictures)
                .setOnClickListener(
                        view -> startActivity(new Intent(this, PicturesActivity.class)));
        findViewById(R.id.switch_camera).setOnClickListener(view -> switchCamera());
        findViewById(R.id.freeze).setOnClickListener(view -> freeze(!frozen));
        findViewById(R.id.torch).setOnClickListener(view -> torch(!torch));
        findViewById(R.id.show_controls).setOnClickListener(view -> showControls());
        findViewById(R.id.menu).setOnClickListener(view -> LiveMenu.show(this, view));
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        freeze(frozen);
        show();
    }

    /** The picture reaches behind the system's bars; what is read or touched stays between them. */
    @SuppressWarnings("deprecation") // the newer calls are of Android 11; these do the same on all
    private void drawBehindBars() {
        getWindow()
                .getDecorView()
                .setSystemUiVisibility(
                        View.SYSTEM_UI_FLAG_LAYOUT_STABLE
                                | View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN
                                | View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION);
        findViewById(R.id.insets)
                .setOnApplyWindowInsetsListener(
                        (View view, WindowInsets insets) -> {
                            view.setPadding(
                                    insets.getSystemWindowInsetLeft(),
                                    insets.getSystemWindowInsetTop(),
                                    insets.getSystemWindowInsetRight(),
                                    insets.getSystemWindowInsetBottom());
                            return insets;
                        });
    }

    private void readModels(Models models) {
        try {
            BundleIndex index = models.index();
            standIn = index.standIn();
            List<String> names =
                    index.bundles().stream()
                            .map(BundleIndex.Entry::name)
                            .collect(Collectors.toList());
            controls =
                    new ControlsPanel(findViewById(R.id.controls), names, settings, this::change);
        } catch (BundleException broken) {
            damaged = Sentences.ofFailure(getResources(), broken);
        }
    }

    @Override
    protected void onResume() {
        super.onResume();
        settings = DemoApp.of(this).settings().read();
        if (controls != null) controls.show(settings);
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            happened(Event.PERMISSION_GRANTED, NO_OPENING);
        }
        happened(Event.RESUMED, NO_OPENING);
        main.post(refresh);
    }

    @Override
    protected void onPause() {
        main.removeCallbacks(refresh);
        happened(Event.PAUSED, NO_OPENING);
        stopAnalysing();
        super.onPause();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putBoolean(FROZEN, frozen);
    }

    @Override
    public void onRequestPermissionsResult(int question, String[] permissions, int[] answers) {
        if (question != CAMERA_QUESTION) return;
        if (answers.length == 0) {
            happened(
                    Event.PERMISSION_REFUSED,
                    NO_OPENING); // the question was dropped, as by a rotation
        } else if (answers[0] == PackageManager.PERMISSION_GRANTED) {
            happened(Event.PERMISSION_GRANTED, NO_OPENING);
        } else if (shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) {
            happened(Event.PERMISSION_REFUSED, NO_OPENING);
        } else {
            happened(Event.PERMISSION_REFUSED_FOR_GOOD, NO_OPENING);
        }
    }

    private void happened(Event event, int opening) {
        CameraScreen.Step step = screen.after(event, opening);
        screen = step.screen();
        for (CameraScreen.Action action : step.actions()) act(action);
        show();
    }

    private void act(CameraScreen.Action action) {
        switch (action) {
            case ASK_PERMISSION ->
                    requestPermissions(new String[] {Manifest.permission.CAMERA}, CAMERA_QUESTION);
            case OPEN -> {
                lenses = cameras.lenses();
                if (lens() == null) main.post(() -> happened(Event.NO_CAMERA, screen.opening()));
                else cameras.open(lens(), screen.opening(), this);
            }
            case CONFIGURE -> {
                analyse();
                framesToFreeze.set(frozen ? FRAMES_TO_SETTLE : 0);
                cameras.stream(preview.getSurfaceTexture());
            }
            case CLOSE -> {
                torch = false;
                cameras.close();
            }
        }
    }

    private Cameras.Lens lens() {
        for (Cameras.Lens one : lenses) if (one.front() == settings.front()) return one;
        return lenses.isEmpty() ? null : lenses.get(0);
    }

    @Override
    public void onEvent(Event event, int opening) {
        happened(event, opening);
    }

    @Override
    public void onFrame(CameraFrame frame) {
        Analyser now = analyser;
        if (now == null) frame.close();
        else now.offer(frame);
        if (framesToFreeze.get() > 0 && framesToFreeze.decrementAndGet() == 0) {
            main.post(() -> cameras.freeze(frozen));
        }
    }

    private void analyse() {
        stopAnalysing();
        if (!damaged.isEmpty() || standIn) return;
        waiting = getString(R.string.loading);
        Cameras.Lens lens = lens();
        int turn = FrameGeometry.turn(lens.sensorOrientation(), rotation(), lens.front());
        analyser = new Analyser(DemoApp.of(this).models(), settings, turn, this);
        place();
    }

    private void stopAnalysing() {
        Analyser now = analyser;
        analyser = null;
        waiting = "";
        failure = ""; // another model, or more memory, may do
        if (now != null) now.close();
        numbers.clear();
    }

    @Override
    public void onTesting(boolean running) {
        waiting = getString(running ? R.string.testing : R.string.loading);
        show();
    }

    @Override
    public void onReady(ModelCard card, Models.Verdict verdict) {
        waiting = "";
        differs = verdict == Models.Verdict.DIFFERS;
        show();
    }

    @Override
    public void onResult(Analyser.Result result) {
        latest = result;
        numbers.add(
                result.endedNs() / 1e6,
                result.found().convertMs(),
                result.found().networkMs(),
                result.found().decodeMs());
        look =
                switch (result.look()) {
                    case PICTURE -> "";
                    case CONSTANT -> getString(R.string.constant_frames);
                    case GREEN -> getString(R.string.green_frames);
                };
        place();
        if (geometry != null && geometry.turn() == result.turn()) {
            overlay.show(result.found(), result.card(), geometry);
        } else {
            overlay.clear(); // the display was turned meanwhile
        }
        show();
    }

    @Override
    public void onFailure(Exception error) {
        waiting = "";
        failure = Sentences.ofFailure(getResources(), error);
        overlay.clear();
        show();
    }

    /** Lay preview and overlay over each other. */
    private void place() {
        Cameras.Lens lens = lens();
        if (lens == null || preview.getWidth() == 0 || preview.getHeight() == 0) return;
        boolean known = latest != null;
        geometry =
                FrameGeometry.ofCamera(
                        lens.sensorOrientation(),
                        rotation(),
                        lens.front(),
                        known ? latest.cropWidth() : lens.frame().width(),
                        known ? latest.cropHeight() : lens.frame().height(),
                        preview.getWidth(),
                        preview.getHeight(),
                        FrameGeometry.Fit.COVER);
        Matrix matrix = new Matrix();
        matrix.setValues(geometry.previewMatrix());
        preview.setTransform(matrix);
        Analyser running = analyser;
        if (running != null) running.turnBy(geometry.turn());
    }

    @SuppressWarnings("deprecation") // Activity.getDisplay is of Android 11
    private int rotation() {
        return getWindowManager().getDefaultDisplay().getRotation();
    }

    private void change(Settings now) {
        boolean reopen = !now.opensLike(settings);
        settings = now;
        DemoApp.of(this).settings().write(now);
        numbers.clear();
        Analyser running = analyser;
        if (reopen && screen.device() != CameraScreen.Device.CLOSED) analyse();
        else if (running != null) running.use(now);
        show();
    }

    private void switchCamera() {
        settings = settings.withFront(!settings.front());
        DemoApp.of(this).settings().write(settings);
        latest = null;
        overlay.clear();
        freeze(false);
        happened(Event.SWITCHED, NO_OPENING);
    }

    private void freeze(boolean on) {
        frozen = on;
        cameras.freeze(on);
        ImageButton button = findViewById(R.id.freeze);
        button.setImageResource(on ? R.drawable.ic_resume : R.drawable.ic_freeze);
        button.setContentDescription(getString(on ? R.string.resume : R.string.freeze));
        button.setActivated(on);
        numbers.clear();
    }

    private void torch(boolean on) {
        torch = on;
        cameras.torch(on);
        show();
    }

    private void showControls() {
        View panel = findViewById(R.id.controls);
        boolean on = panel.getVisibility() != View.VISIBLE;
        panel.setVisibility(on ? View.VISIBLE : View.GONE);
        findViewById(R.id.show_controls).setActivated(on);
    }

    /**
     * Numbers follow the clock, not the frames: the age of a result grows when no new one comes.
     */
    private final Runnable refresh =
            new Runnable() {
                @Override
                public void run() {
                    showNumbers();
                    main.postDelayed(this, NUMBERS_MS);
                }
            };

    private void showNumbers() {
        boolean some =
                latest != null
                        && analyser != null
                        && screen.device() == CameraScreen.Device.STREAMING;
        panels.showNumbers(some ? numbers.shown() : null, latest, heat.status());
    }

    private void show() {
        panels.showBanner(standIn, differs);
        Cameras.Lens lens = lens();
        ImageButton light = findViewById(R.id.torch);
        light.setEnabled(lens != null && lens.torch());
        light.setAlpha(light.isEnabled() ? 1f : 0.4f);
        light.setActivated(torch);
        findViewById(R.id.switch_camera).setEnabled(lenses.size() != 1);
        showNumbers();
        String fatal = DemoApp.of(this).gpuWasFatal() ? getString(R.string.gpu_fatal) : "";
        panels.showMessage(screen.trouble(), List.of(damaged, failure, fatal, waiting, look));
    }

    private void mend(Trouble trouble) {
        if (trouble == Trouble.PERMISSION_FOR_GOOD) openSettings();
        else happened(Event.RETRIED, NO_OPENING);
    }

    private void openSettings() {
        Uri self = Uri.fromParts("package", getPackageName(), null);
        startActivity(
                new Intent(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, self));
    }

    @Override
    public void onSurfaceTextureAvailable(SurfaceTexture surface, int width, int height) {
        happened(Event.SURFACE_READY, NO_OPENING);
    }

    @Override
    public void onSurfaceTextureSizeChanged(SurfaceTexture surface, int width, int height) {
        place();
    }

    @Override
    public boolean onSurfaceTextureDestroyed(SurfaceTexture surface) {
        happened(Event.SURFACE_LOST, NO_OPENING);
        return true;
    }

    @Override
    public void onSurfaceTextureUpdated(SurfaceTexture surface) {
        // The preview shows itself.
    }
}
