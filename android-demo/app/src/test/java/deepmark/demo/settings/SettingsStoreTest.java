package deepmark.demo.settings;

import static org.junit.Assert.assertEquals;

import android.content.Context;

import deepmark.demo.engine.EngineSettings.Compute;
import deepmark.demo.engine.EngineSettings.Precision;
import deepmark.demo.engine.EngineSettings.Storage;
import deepmark.demo.engine.Way;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.util.Map;

/** Each model is computed as it was last. */
@RunWith(RobolectricTestRunner.class)
public final class SettingsStoreTest {
    private static final Way GPU = new Way(Compute.OPENCL, Precision.FP16_SUMS, Storage.BUFFER, 4);
    private static final Way CPU = Way.ofCpu(Precision.FP16, 2);

    private final Context app = RuntimeEnvironment.getApplication();

    /** A store of an app with these models: name and sha256. */
    private SettingsStore store(Map<String, String> models) {
        return new SettingsStore(app, name -> models.getOrDefault(name, ""));
    }

    @Test
    public void aModelThatComesBackIsComputedAsItWas() {
        SettingsStore store = store(Map.of("shirt", "a1", "skirt", "b2"));
        Settings shirt = Settings.fresh(4).withBundle("shirt").withWay(GPU);
        store.write(shirt);
        Settings skirt = store.withBundle(shirt, "skirt");
        assertEquals("a new one begins as the present one", shirt.withBundle("skirt"), skirt);
        store.write(skirt.withWay(CPU));
        assertEquals(CPU, store.read().way());
        assertEquals(shirt, store.withBundle(store.read(), "shirt"));
        assertEquals(CPU, store.withBundle(shirt, "skirt").way());
    }

    @Test
    public void anotherModelOfTheSameNameIsAnother() {
        Settings chosen = Settings.fresh(4).withBundle("shirt").withWay(GPU);
        store(Map.of("shirt", "a1")).write(chosen);
        SettingsStore updated = store(Map.of("shirt", "a2"));
        Settings now = Settings.fresh(4).withWay(CPU);
        assertEquals(CPU, updated.withBundle(now, "shirt").way());
    }

    @Test
    public void aModelThatTheAppHasNotIsNotRemembered() {
        SettingsStore store = store(Map.of());
        store.write(Settings.fresh(4).withBundle("gone").withWay(GPU));
        Settings now = Settings.fresh(4).withWay(CPU);
        assertEquals(now.withBundle("lost"), store.withBundle(now, "lost"));
    }
}
