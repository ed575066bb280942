package deepmark.demo.ui;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.widget.ImageButton;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.TextView;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.model.PictureAnalyser;
import deepmark.demo.settings.Settings;
import deepmark.demo.share.DetectionRecord;
import deepmark.demo.share.SharedFiles;
import deepmark.demo.view.FrameGeometry;
import deepmark.demo.view.OverlayPainter;
import deepmark.demo.view.OverlayView;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;

/** Pictures of the user and of the app, analysed; results can be shared. */
public final class PicturesActivity extends Activity implements PictureAnalyser.Listener {
    private static final int PICK = 1;
    private static final String CHOSEN = "chosen";
    private static final int THUMBNAIL_DP = 72;

    private PictureAnalyser analyser;
    private PictureAnalyser.Result shown;
    private String chosen = "";
    private Settings settings;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.pictures);
        if (getActionBar() != null) getActionBar().setDisplayHomeAsUpEnabled(true);
        DemoApp app = DemoApp.of(this);
        settings = app.settings().read();
        analyser = new PictureAnalyser(this, app.models(), this);
        findViewById(R.id.choose).setOnClickListener(view -> pick());
        findViewById(R.id.share).setOnClickListener(view -> share());
        View controls = findViewById(R.id.controls);
        findViewById(R.id.show_controls)
                .setOnClickListener(
                        view ->
                                controls.setVisibility(
                                        controls.getVisibility() == View.VISIBLE
                                                ? View.GONE
                                                : View.VISIBLE));
        findViewById(R.id.overlay)
                .addOnLayoutChangeListener((view, l, t, r, b, ol, ot, or, ob) -> showOverlay());
        say(getString(R.string.choose_something));
        try {
            List<String> names =
                    app.models().index().bundles().stream()
                            .map(BundleIndex.Entry::name)
                            .collect(Collectors.toList());
            new ControlsPanel(controls, names, settings, this::change);
        } catch (BundleException broken) {
            say(Sentences.ofFailure(getResources(), broken));
        }
        List<String> samples = analyser.samples();
        for (int i = 0; i < samples.size(); i++) addSample(samples.get(i), i + 1);
        choose(
                saved == null
                        ? (samples.isEmpty() ? "" : samples.get(0))
                        : saved.getString(CHOSEN, ""));
    }

    @Override
    public boolean onNavigateUp() {
        finish();
        return true;
    }

    @Override
    protected void onDestroy() {
        analyser.close();
        super.onDestroy();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putString(CHOSEN, chosen);
    }

    private void addSample(String source, int number) {
        ImageButton button = new ImageButton(this);
        int side = Math.round(THUMBNAIL_DP * getResources().getDisplayMetrics().density);
        LinearLayout.LayoutParams size = new LinearLayout.LayoutParams(side, side);
        size.setMarginStart(side / 12);
        size.setMarginEnd(side / 12);
        button.setLayoutParams(size);
        button.setScaleType(ImageView.ScaleType.CENTER_CROP);
        button.setPadding(0, 0, 0, 0);
        button.setContentDescription(getString(R.string.sample, number));
        button.setImageBitmap(analyser.thumbnail(source, side));
        button.setOnClickListener(view -> choose(source));
        LinearLayout strip = findViewById(R.id.samples);
        strip.addView(button);
    }

    private void pick() {
        Intent ask = new Intent(Intent.ACTION_OPEN_DOCUMENT);
        ask.addCategory(Intent.CATEGORY_OPENABLE);
        ask.setType("image/*");
        try {
            startActivityForResult(ask, PICK);
        } catch (ActivityNotFoundException none) {
            say(getString(R.string.picker_missing));
        }
    }

    @Override
    protected void onActivityResult(int question, int result, Intent data) {
        if (question != PICK || result != RESULT_OK) return;
        Uri picture = data == null ? null : data.getData();
        if (picture == null
                && data != null
                && data.getClipData() != null
                && data.getClipData().getItemCount() > 0) {
            picture = data.getClipData().getItemAt(0).getUri();
        }
        if (picture == null) say(getString(R.string.picker_empty));
        else choose(picture.toString());
    }

    private void choose(String source) {
        chosen = source;
        if (source.isEmpty()) return;
        findViewById(R.id.share).setEnabled(false);
        say(getString(R.string.loading));
        analyser.analyse(source, settings);
    }

    private void change(Settings now) {
        settings = now;
        DemoApp.of(this).settings().write(now);
        if (!chosen.isEmpty()) analyser.analyse(chosen, now);
    }

    @Override
    public void onPicture(Bitmap picture) {
        ImageView view = findViewById(R.id.picture);
        view.setImageBitmap(picture);
        shown = null; // what was found in the earlier picture does not belong to this one
        OverlayView overlay = findViewById(R.id.overlay);
        overlay.clear();
    }

    @Override
    public void onResult(PictureAnalyser.Result result) {
        shown = result;
        findViewById(R.id.share).setEnabled(true);
        int count = result.found().garments().size();
        String text =
                getResources()
                        .getQuantityString(
                                R.plurals.garments,
                                count,
                                count,
                                Sentences.number(result.found().totalMs(), 0));
        if (result.reduced()) {
            text +=
                    ", "
                            + getString(
                                    R.string.reduced,
                                    result.picture().getWidth(),
                                    result.picture().getHeight());
        }
        say(text);
        showOverlay();
    }

    @Override
    public void onUnreadable() {
        say(getString(R.string.picture_unreadable));
    }

    @Override
    public void onFailure(Throwable error) {
        say(Sentences.ofFailure(getResources(), error));
    }

    private void showOverlay() {
        OverlayView overlay = findViewById(R.id.overlay);
        if (shown == null || overlay.getWidth() == 0 || overlay.getHeight() == 0) return;
        overlay.show(
                shown.found(),
                shown.card(),
                FrameGeometry.ofPicture(
                        shown.picture().getWidth(),
                        shown.picture().getHeight(),
                        overlay.getWidth(),
                        overlay.getHeight()));
    }

    private void share() {
        try {
            Bitmap drawn = shown.picture().copy(Bitmap.Config.ARGB_8888, true);
            int width = drawn.getWidth();
            int height = drawn.getHeight();
            new OverlayPainter()
                    .draw(
                            new Canvas(drawn),
                            shown.found(),
                            shown.card(),
                            FrameGeometry.ofPicture(width, height, width, height),
                            1);
            ByteArrayOutputStream png = new ByteArrayOutputStream();
            drawn.compress(Bitmap.CompressFormat.PNG, 100, png);
            String name = "deepmark-" + System.currentTimeMillis();
            String record =
                    DetectionRecord.write(shown.found(), shown.card(), shown.name(), name + ".png");
            List<Uri> files =
                    List.of(
                            SharedFiles.write(this, name + ".png", png.toByteArray()),
                            SharedFiles.write(
                                    this, name + ".json", record.getBytes(StandardCharsets.UTF_8)));
            startActivity(SharedFiles.intent(files, "*/*"));
        } catch (IOException | OutOfMemoryError error) {
            say(getString(R.string.share_failed, error.getMessage()));
        }
    }

    private void say(String text) {
        TextView line = findViewById(R.id.summary);
        line.setText(text);
    }
}
