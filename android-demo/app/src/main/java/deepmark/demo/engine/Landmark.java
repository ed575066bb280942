package deepmark.demo.engine;

/**
 * A point of a garment.
 *
 * @param x pixels of the upright picture, from its left edge.
 * @param y from its upper edge.
 * @param score of the heatmap, 0 to 1; 0 where not refined.
 * @param refined whether it comes from the heatmap, and not from the regression alone.
 */
public record Landmark(float x, float y, float score, boolean refined) {}
