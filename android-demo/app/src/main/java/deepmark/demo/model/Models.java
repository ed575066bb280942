package deepmark.demo.model;

import android.content.Context;
import android.content.SharedPreferences;
import android.content.res.AssetManager;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.bundle.BundleStore;
import deepmark.demo.engine.Detector;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.EngineSettings;
import deepmark.demo.engine.Fit;
import deepmark.demo.engine.Way;
import deepmark.demo.settings.Settings;
import deepmark.demo.view.ModelCard;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The models in the app, and what their self-tests said on this phone. */
public final class Models {

    /** What a model's vectors said on this phone. */
    public enum Verdict {
        UNTESTED,
        EQUAL,
        DIFFERS
    }

    private final AssetManager assets;
    private final BundleStore store;
    private final SharedPreferences verdicts;
    private final GpuTrial trial;
    private final File kernels;
    private BundleIndex index;

    /** Take the models of the app's assets. */
    public Models(Context context) {
        this(context, null);
    }

    /**
     * Take the models of an index.
     *
     * @param index what is in the app; null for what its assets say
     */
    public Models(Context context, BundleIndex index) {
        this.index = index;
        assets = context.getAssets();
        store =
                new BundleStore(
                        new File(context.getFilesDir(), "bundles"),
                        path -> assets.open("bundles/" + path));
        verdicts = context.getSharedPreferences("self-tests", Context.MODE_PRIVATE);
        trial = new GpuTrial(context);
        kernels = new File(context.getCacheDir(), "kernels");
    }

    /**
     * Return what is in the app.
     *
     * @throws BundleException the index is missing, damaged, or of a later version
     */
    public synchronized BundleIndex index() throws BundleException {
        if (index == null) {
            try {
                index = BundleIndex.read(text("bundles/index.json"));
            } catch (IOException missing) {
                throw new BundleException(
                        BundleException.Kind.DAMAGED, "the app has no bundles/index.json");
            }
        }
        return index;
    }

    /**
     * Return the model that was chosen, or the first one.
     *
     * @throws BundleException the app has none
     */
    public BundleIndex.Entry chosen(Settings settings) throws BundleException {
        return chosen(settings.bundle());
    }

    private BundleIndex.Entry chosen(String bundle) throws BundleException {
        if (index().bundles().isEmpty()) {
            throw new BundleException(BundleException.Kind.DAMAGED, "the app has no model");
        }
        for (BundleIndex.Entry entry : index().bundles())
            if (entry.name().equals(bundle)) return entry;
        return index().bundles().get(0);
    }

    /**
     * Return the sha256 of the model that a name in the settings means; empty where the app has
     * none.
     */
    public String identity(String bundle) {
        try {
            return chosen(bundle).sha256();
        } catch (BundleException none) {
            return "";
        }
    }

    /**
     * Return the folder of a model, unpacked.
     *
     * @throws BundleException it is not what the index says, or there is no room
     */
    public File folder(BundleIndex.Entry entry) throws BundleException {
        return store.unpacked(entry);
    }

    /**
     * Open a model; models of an earlier version of the app are removed once it works.
     *
     * @throws BundleException it cannot be unpacked
     * @throws EngineException the engine refuses it
     */
    public Model open(BundleIndex.Entry entry, Settings settings)
            throws BundleException, EngineException {
        File folder = folder(entry);
        Detector detector;
        GpuTrial.Mark mark = trial.begin(settings.way());
        try {
            detector = Detector.open(folder, keepingKernels(settings.engine()), Fit.RECT);
        } finally {
            mark.end();
        }
        try {
            ShapeTrials shapes = new ShapeTrials(trial, settings.way());
            Model model = new Model(entry, detector, ModelCard.read(detector.describe()), shapes);
            store.removeOthers(index());
            return model;
        } catch (EngineException | RuntimeException failed) {
            detector.close();
            throw failed;
        }
    }

    /**
     * Return settings with the app's folder for what a GPU's driver compiles: of its cache, which
     * Android may empty at any time.
     */
    EngineSettings keepingKernels(EngineSettings engine) {
        return engine.withKernels(kernels);
    }

    /** Return what the last self-test said of a model that is computed in this way. */
    public Verdict verdict(BundleIndex.Entry entry, Way way) {
        String kept = verdicts.getString(key(entry, way), Verdict.UNTESTED.name());
        for (Verdict one : Verdict.values()) if (one.name().equals(kept)) return one;
        return Verdict.UNTESTED;
    }

    /** Keep what a self-test said. */
    public void keepVerdict(BundleIndex.Entry entry, Way way, boolean equal) {
        Verdict verdict = equal ? Verdict.EQUAL : Verdict.DIFFERS;
        verdicts.edit().putString(key(entry, way), verdict.name()).apply();
    }

    /** Return the marks of models that a GPU opens. */
    public GpuTrial trial() {
        return trial;
    }

    private static String key(BundleIndex.Entry entry, Way way) {
        return entry.sha256() + " " + way.arithmetic();
    }

    /**
     * Read a text in the app.
     *
     * @throws IOException there is none of that name
     */
    public String text(String path) throws IOException {
        try (InputStream from = assets.open(path)) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] block = new byte[1 << 14];
            for (int read = from.read(block); read >= 0; read = from.read(block))
                all.write(block, 0, read);
            return new String(all.toByteArray(), StandardCharsets.UTF_8);
        }
    }
}
