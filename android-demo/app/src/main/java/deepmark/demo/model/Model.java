package deepmark.demo.model;

import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.engine.Decoding;
import deepmark.demo.engine.Detector;
import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Found;
import deepmark.demo.engine.Frame;
import deepmark.demo.view.ModelCard;

/**
 * An opened model, for one thread.
 *
 * @param entry what the app's index says of it
 * @param detector the engine
 * @param card its names and sizes
 * @param trials marks the first picture of each shape
 */
public record Model(BundleIndex.Entry entry, Detector detector, ModelCard card, ShapeTrials trials)
        implements AutoCloseable {

    /** Analyse a camera's picture, which must stay as it is meanwhile. */
    public Found detect(Frame frame, Decoding decoding) throws EngineException {
        return trials.run(
                frame.uprightWidth(),
                frame.uprightHeight(),
                () -> detector.detect(frame, decoding));
    }

    /** Analyse an upright picture, as {@link Detector#detect(int[], int, int, Decoding)} does. */
    public Found detect(int[] argb, int width, int height, Decoding decoding)
            throws EngineException {
        return trials.run(width, height, () -> detector.detect(argb, width, height, decoding));
    }

    @Override
    public void close() {
        detector.close();
    }
}
