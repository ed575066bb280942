package deepmark.demo.engine;

import java.util.List;

/**
 * An object that was found.
 *
 * @param classId index into the class names of {@link Detector#describe}.
 * @param score final, 0 to 1.
 * @param boxScore of the centre.
 * @param landmarkScore mean of the landmarks, Score_kps of Eq. (1).
 * @param left the box, in pixels of the upright picture; it may reach beyond it.
 * @param landmarks in the class's order.
 */
public record Garment(
        int classId,
        float score,
        float boxScore,
        float landmarkScore,
        float left,
        float top,
        float right,
        float bottom,
        List<Landmark> landmarks) {
    public Garment {
        landmarks = List.copyOf(landmarks);
    }
}
