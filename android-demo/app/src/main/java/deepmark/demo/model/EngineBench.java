package deepmark.demo.model;

import android.content.Context;

import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Way;
import deepmark.demo.settings.Settings;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** Proves and measures the ways of a search with the engine. */
final class EngineBench implements WaySearch.Bench {
    private final Context context;
    private final Models models;
    private final BundleIndex.Entry entry;
    private final Settings settings;
    private final String appVersion;
    private final Measurement.Length length;
    private final Map<Way, Measurement> measurements = new HashMap<>();

    EngineBench(
            Context context,
            Models models,
            BundleIndex.Entry entry,
            Settings settings,
            String appVersion,
            Measurement.Length length) {
        this.context = context;
        this.models = models;
        this.entry = entry;
        this.settings = settings;
        this.appVersion = appVersion;
        this.length = length;
    }

    @Override
    public boolean isRight(Way way, AtomicBoolean cancel) throws BundleException, EngineException {
        return SelfTest.run(models, entry, settings.withWay(way).engine(), cancel).equal();
    }

    @Override
    public MeasuredTurn turn(Way way, AtomicBoolean cancel)
            throws BundleException, EngineException, IOException {
        Measurement measurement = measurements.get(way);
        if (measurement == null) {
            measurement =
                    new Measurement(context, models, entry, settings.withWay(way), appVersion);
            measurements.put(way, measurement);
        }
        return measurement.take(length, (totalMs, thermalStatus) -> {}, cancel);
    }

    @Override
    public String document(Way way) {
        return measurements.get(way).document();
    }
}
