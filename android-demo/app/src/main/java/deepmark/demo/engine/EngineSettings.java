package deepmark.demo.engine;

import java.util.Objects;

/**
 * How MNN computes.
 *
 * @param threads 1 to 64.
 * @param precision fp16 only where the processor has it; {@link Detector#describe} tells what was
 *     really used.
 * @param memory low: weights of 8 bits stay so, slower, and with far less memory.
 */
public record EngineSettings(int threads, Precision precision, Memory memory) {
    /** Of the arithmetic. */
    public enum Precision {
        FP32,
        FP16
    }

    /** What may be traded for speed. */
    public enum Memory {
        NORMAL,
        LOW
    }

    public EngineSettings {
        Objects.requireNonNull(precision);
        Objects.requireNonNull(memory);
    }
}
