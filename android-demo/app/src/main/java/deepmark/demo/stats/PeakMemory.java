package deepmark.demo.stats;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The peak of this process's memory, which the kernel keeps ({@code VmHWM}). */
public final class PeakMemory {
    private static final String RESET = "5"; // of proc(5), clear_refs

    private PeakMemory() {}

    /**
     * Let the peak begin anew, at what the process holds now. Some kernels do not; the peak is then
     * that of all that was before.
     */
    public static void reset() {
        try (FileOutputStream to = new FileOutputStream("/proc/self/clear_refs")) {
            to.write(RESET.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException refused) {
            // MeasuredTurn sees it by the peak at the beginning of a turn.
        }
    }
}
