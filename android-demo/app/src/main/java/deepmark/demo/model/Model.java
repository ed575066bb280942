package deepmark.demo.model;

import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.Detector;
import deepmark.demo.view.ModelCard;

/**
 * An opened model.
 *
 * @param entry what the app's index says of it
 * @param detector the engine
 * @param card its names and sizes
 */
public record Model(BundleIndex.Entry entry, Detector detector, ModelCard card)
        implements AutoCloseable {
    @Override
    public void close() {
        detector.close();
    }
}
