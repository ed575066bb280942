package deepmark.demo.engine;

import java.util.Objects;

/**
 * How MNN computes.
 *
 * @param threads 1 to 64; a GPU has none.
 * @param precision fp16 only where the processor has it; {@link Detector#describe} tells what was
 *     really used. A GPU stores fp16 and adds up in fp32, or refuses.
 * @param memory low: weights of 8 bits stay so, slower, and with far less memory.
 * @param compute what computes; a GPU must be proven to run every operator when a model is opened,
 *     or that fails.
 */
public record EngineSettings(int threads, Precision precision, Memory memory, Compute compute) {
    /** What computes, in the order of the native side's. */
    public enum Compute {
        CPU,
        OPENCL,
        VULKAN
    }

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
        Objects.requireNonNull(compute);
    }

    /** Compute on the CPU. */
    public EngineSettings(int threads, Precision precision, Memory memory) {
        this(threads, precision, memory, Compute.CPU);
    }

    /** Return them as the bridge takes them. */
    int[] numbers() {
        return new int[] {threads, precision.ordinal(), memory.ordinal(), compute.ordinal()};
    }
}
