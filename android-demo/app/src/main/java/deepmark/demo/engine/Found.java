package deepmark.demo.engine;

import java.util.ArrayList;
import java.util.List;

/**
 * What is in a picture.
 *
 * @param width of the upright picture, in pixels.
 * @param height of the upright picture, in pixels.
 * @param garments best first.
 * @param convertMs time from the camera's bytes, or the picture's, to the network's input.
 * @param networkMs time of the network.
 * @param decodeMs time from its output to the objects.
 */
public record Found(
        int width,
        int height,
        List<Garment> garments,
        double convertMs,
        double networkMs,
        double decodeMs) {
    public Found {
        garments = List.copyOf(garments);
    }

    public double totalMs() {
        return convertMs + networkMs + decodeMs;
    }

    /**
     * Reads what the native side writes: eight numbers and a count for each object, then four for
     * each landmark.
     */
    static Found read(float[] packed, double[] times) {
        List<Garment> garments = new ArrayList<>();
        for (int at = 2; at < packed.length; ) {
            int first = at + 9;
            at = first + 4 * (int) packed[first - 1];
            List<Landmark> landmarks = new ArrayList<>();
            for (int p = first; p < at; p += 4) {
                landmarks.add(
                        new Landmark(packed[p], packed[p + 1], packed[p + 2], packed[p + 3] != 0));
            }
            int o = first - 9;
            garments.add(
                    new Garment(
                            (int) packed[o],
                            packed[o + 1],
                            packed[o + 2],
                            packed[o + 3],
                            packed[o + 4],
                            packed[o + 5],
                            packed[o + 6],
                            packed[o + 7],
                            landmarks));
        }
        return new Found((int) packed[0], (int) packed[1], garments, times[0], times[1], times[2]);
    }
}
