package deepmark.demo;

import android.app.Application;
import android.content.Context;

import deepmark.demo.camera.Cameras;
import deepmark.demo.camera.PhoneCameras;
import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.model.Models;
import deepmark.demo.model.WaySearch;
import deepmark.demo.settings.Settings;
import deepmark.demo.settings.SettingsStore;

/** The app's parts, made once; tests put others in. */
public class DemoApp extends Application {
    private Cameras cameras;
    private Models models;
    private SettingsStore settings;
    private boolean gpuWasFatal;
    private WaySearch.Plan searchPlan = WaySearch.Plan.USUAL;

    /** Return the app that a screen belongs to. */
    public static DemoApp of(Context context) {
        return (DemoApp) context.getApplicationContext();
    }

    /** Return the phone's cameras. */
    public synchronized Cameras cameras() {
        if (cameras == null) cameras = new PhoneCameras(this);
        return cameras;
    }

    /** Put other cameras in place of the phone's. */
    public synchronized void useCameras(Cameras others) {
        cameras = others;
    }

    /** Return the models in the app. */
    public synchronized Models models() {
        if (models == null) models = new Models(this);
        return models;
    }

    /** Put other models in place of the app's. */
    public synchronized void useModels(Models others) {
        models = others;
    }

    /** Return what the user chose. */
    public synchronized SettingsStore settings() {
        if (settings == null) {
            settings = new SettingsStore(this, name -> models().identity(name));
            Settings kept = settings.read();
            gpuWasFatal = models().trial().fatal().equals(kept.way().arithmetic());
            if (gpuWasFatal)
                settings.write(kept.withWay(kept.way().on(Compute.CPU, Storage.IMAGE)));
        }
        return settings;
    }

    /** Return how long a search for the best way to compute measures. */
    public synchronized WaySearch.Plan searchPlan() {
        return searchPlan;
    }

    /** Let a search measure for another time. */
    public synchronized void useSearchPlan(WaySearch.Plan other) {
        searchPlan = other;
    }

    /**
     * Tell whether the app ended last time while a GPU made a session in the way that is chosen.
     */
    public synchronized boolean gpuWasFatal() {
        return gpuWasFatal;
    }
}
