package deepmark.demo.settings;

import android.content.Context;
import android.content.SharedPreferences;

import deepmark.demo.engine.Way;

import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Keeps the settings over restarts, and for each model in which way it was computed last. */
public final class SettingsStore {
    private final SharedPreferences kept;
    private final SharedPreferences ways;
    private final UnaryOperator<String> identity;

    /**
     * Open the store.
     *
     * @param identity returns what a model is known by, its sha256, for its name in the settings;
     *     empty for a name of none
     */
    public SettingsStore(Context context, UnaryOperator<String> identity) {
        kept = context.getSharedPreferences("settings", Context.MODE_PRIVATE);
        ways = context.getSharedPreferences("ways", Context.MODE_PRIVATE);
        this.identity = identity;
    }

    /** Return what was kept; what is missing or broken is as in a fresh app. */
    public Settings read() {
        Map<String, String> texts = new HashMap<>();
        kept.getAll().forEach((name, value) -> texts.put(name, String.valueOf(value)));
        return Settings.read(texts, Runtime.getRuntime().availableProcessors());
    }

    /** Keep settings; their way also as that of their model. */
    public void write(Settings settings) {
        SharedPreferences.Editor editor = kept.edit();
        settings.written().forEach(editor::putString);
        editor.apply();
        String model = identity.apply(settings.bundle());
        if (!model.isEmpty()) ways.edit().putString(model, settings.way().written()).apply();
    }

    /**
     * Return settings with another model, computed as that model was last; one that never was
     * begins as the present one is.
     */
    public Settings withBundle(Settings settings, String name) {
        String text = ways.getString(identity.apply(name), null);
        Way way = Way.read(text, Settings.MOST_THREADS, settings.way());
        return settings.withBundle(name).withWay(way);
    }
}
