package deepmark.demo.model;

import deepmark.demo.engine.EngineException;
import deepmark.demo.engine.Way;

import java.util.ArrayDeque;

/**
 * Marks the first picture of each shape that a GPU sees: the engine makes a session for it, and the
 * driver may end the whole app then, as when a model is opened.
 *
 * <p>Not safe for several threads: a model belongs to one.
 */
public final class ShapeTrials {
    /** Shapes that the engine keeps ready; a third one takes the place of the oldest. */
    private static final int READY = 2;

    private final GpuTrial trial;
    private final Way way;
    private final ArrayDeque<Shape> ready = new ArrayDeque<>(); // that which was seen last is first

    private record Shape(int width, int height) {}

    /** What is done with a picture. */
    interface Work<T> {
        T run() throws EngineException;
    }

    ShapeTrials(GpuTrial trial, Way way) {
        this.trial = trial;
        this.way = way;
    }

    /**
     * Analyse a picture, under the mark if the engine has no session for its shape.
     *
     * @param width of the upright picture, in pixels
     * @param height of the upright picture, in pixels
     */
    <T> T run(int width, int height, Work<T> work) throws EngineException {
        Shape shape = new Shape(width, height);
        if (ready.remove(shape)) {
            ready.addFirst(shape);
            return work.run();
        }
        if (ready.size() == READY) ready.removeLast(); // as the engine does, before all else
        GpuTrial.Mark mark = trial.begin(way);
        try {
            T result = work.run();
            ready.addFirst(shape);
            return result;
        } finally {
            mark.end();
        }
    }
}
