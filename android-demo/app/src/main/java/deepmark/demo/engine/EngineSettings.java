package deepmark.demo.engine;

import java.io.File;
import java.util.Objects;

/**
 * How MNN computes.
 *
 * @param way what computes, and in which arithmetic; a GPU must be proven to run every operator
 *     when a model is opened, or that fails.
 * @param memory low: weights of 8 bits stay so, slower, and with far less memory.
 * @param kernels folder for what a GPU's driver compiles, made where it is not there; the next
 *     opening of the same model in the same way takes it. Null: nothing is kept.
 */
public record EngineSettings(Way way, Memory memory, File kernels) {
    /** What computes, in the order of the native side's. */
    public enum Compute {
        CPU,
        OPENCL,
        VULKAN
    }

    /**
     * Of the arithmetic, in the order of the native side's for a GPU. A CPU has the first two; fp16
     * only where the processor has it, and {@link Detector#describe} tells what was really used. A
     * GPU without fp16 refuses it.
     */
    public enum Precision {
        FP32("fp32", "high"),
        /** A GPU stores fp16 and adds up in fp32. */
        FP16("fp16", "normal"),
        /** OpenCL adds up in fp16, too. */
        FP16_SUMS("fp16", "low");

        private final String onCpu;
        private final String onGpu;

        Precision(String onCpu, String onGpu) {
            this.onCpu = onCpu;
            this.onGpu = onGpu;
        }

        /** Return its name on a CPU. */
        public String onCpu() {
            return onCpu;
        }

        /** Return MNN's name for it on a GPU. */
        public String onGpu() {
            return onGpu;
        }
    }

    /** Where OpenCL keeps its tensors, in the order of the native side's. */
    public enum Storage {
        IMAGE,
        BUFFER
    }

    /** What may be traded for speed. */
    public enum Memory {
        NORMAL,
        LOW
    }

    public EngineSettings {
        Objects.requireNonNull(way);
        Objects.requireNonNull(memory);
    }

    /** Keep nothing that a GPU's driver compiles. */
    public EngineSettings(Way way, Memory memory) {
        this(way, memory, null);
    }

    /** Return these settings with a folder for what a GPU's driver compiles. */
    public EngineSettings withKernels(File folder) {
        return new EngineSettings(way, memory, folder);
    }

    /** Return the folder as the bridge takes it: empty for none. */
    byte[] kernelsPath() {
        return kernels == null ? new byte[0] : Detector.utf8(kernels);
    }

    /** Return them as the bridge takes them. */
    int[] numbers() {
        return new int[] {
            way.threads(),
            way.precision().ordinal(),
            memory.ordinal(),
            way.compute().ordinal(),
            way.storage().ordinal(),
        };
    }
}
