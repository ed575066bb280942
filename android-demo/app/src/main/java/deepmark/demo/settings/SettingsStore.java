package deepmark.demo.settings;

import android.content.Context;
import android.content.SharedPreferences;

import java.util.HashMap;
import java.util.Map;

/** Keeps the settings over restarts. */
public final class SettingsStore {
    private final SharedPreferences kept;

    public SettingsStore(Context context) {
        kept = context.getSharedPreferences("settings", Context.MODE_PRIVATE);
    }

    /** Return what was kept; what is missing or broken is as in a fresh app. */
    public Settings read() {
        Map<String, String> texts = new HashMap<>();
        kept.getAll().forEach((name, value) -> texts.put(name, String.valueOf(value)));
        return Settings.read(texts, Runtime.getRuntime().availableProcessors());
    }

    /** Keep settings. */
    public void write(Settings settings) {
        SharedPreferences.Editor editor = kept.edit();
        settings.written().forEach(editor::putString);
        editor.apply();
    }
}
