package deepmark.demo.view;

import java.util.ArrayList;
import java.util.List;

/**
 * Where labels go: beside their boxes, inside the picture, never over each other, and over few
 * landmarks.
 *
 * <p>The rules, and their order where places are equally good, are those of
 * runtime/drawing/label_layout.py, so that the app's pictures look like those of {@code deepmark
 * detect}.
 */
final class LabelLayout {
    private static final int GRID = 24;
    private static final double REACH = 1.5;

    private final double width;
    private final double height;
    private final double gap;
    private final List<double[]> avoid;
    private final List<double[]> taken = new ArrayList<>();

    /**
     * @param width width of the picture
     * @param height height of the picture, in the same unit
     * @param gap least distance of a label from the next one and from the picture's edge
     * @param avoid points x, y that labels should not cover
     */
    LabelLayout(double width, double height, double gap, List<double[]> avoid) {
        this.width = width;
        this.height = height;
        this.gap = gap;
        this.avoid = avoid;
    }

    /**
     * Find the place of the next label; call it for the most important one first.
     *
     * @param labelWidth width of the label
     * @param labelHeight height of the label
     * @param box x1, y1, x2, y2 of its object, may reach beyond the picture
     * @return x and y of its upper left corner, or null where there is no free place near the box
     */
    double[] place(double labelWidth, double labelHeight, double[] box) {
        double roomX = width - labelWidth - gap;
        double roomY = height - labelHeight - gap;
        if (Math.min(roomX, roomY) < gap) return null;
        double x1 = clip(box[0], 0, width);
        double y1 = clip(box[1], 0, height);
        double x2 = clip(box[2], 0, width);
        double y2 = clip(box[3], 0, height);
        double[] best = null;
        double bestCost = Double.POSITIVE_INFINITY;
        for (double[] corner : candidates(labelWidth, labelHeight, x1, y1, x2, y2)) {
            double x = clip(corner[0], gap, roomX);
            double y = clip(corner[1], gap, roomY);
            if (!isFree(x, y, labelWidth, labelHeight)) continue;
            double cost = cost(x, y, labelWidth, labelHeight, x1, y1, x2, y2);
            if (cost < bestCost) {
                bestCost = cost;
                best = new double[] {x, y};
            }
        }
        if (best != null) {
            taken.add(new double[] {best[0], best[1], best[0] + labelWidth, best[1] + labelHeight});
        }
        return best;
    }

    private List<double[]> candidates(
            double labelWidth, double labelHeight, double x1, double y1, double x2, double y2) {
        double above = y1 - labelHeight - gap;
        double below = y2 + gap;
        double right = x2 - labelWidth;
        List<double[]> all = new ArrayList<>(8 + GRID * GRID);
        for (double y : new double[] {above, below, y1 + gap, y2 - labelHeight - gap}) {
            all.add(new double[] {x1, y});
            all.add(new double[] {right, y});
        }
        double reach = REACH * labelHeight;
        for (int row = 0; row < GRID; row++) {
            double y = between(above - reach, below + reach, row);
            for (int column = 0; column < GRID; column++) {
                all.add(new double[] {between(x1 - labelWidth - reach, x2 + reach, column), y});
            }
        }
        return all;
    }

    private static double between(double low, double high, int step) {
        return low + (high - low) * step / (GRID - 1);
    }

    private boolean isFree(double x, double y, double labelWidth, double labelHeight) {
        for (double[] other : taken) {
            boolean across = x - gap < other[2] && x + labelWidth + gap > other[0];
            boolean down = y - gap < other[3] && y + labelHeight + gap > other[1];
            if (across && down) return false;
        }
        return true;
    }

    private double cost(
            double x,
            double y,
            double labelWidth,
            double labelHeight,
            double x1,
            double y1,
            double x2,
            double y2) {
        int covered = 0;
        for (double[] point : avoid) {
            boolean inside =
                    point[0] >= x
                            && point[0] <= x + labelWidth
                            && point[1] >= y
                            && point[1] <= y + labelHeight;
            if (inside) covered++;
        }
        double awayX = Math.max(x1 - (x + labelWidth), x - x2);
        double awayY = Math.max(y1 - (y + labelHeight), y - y2);
        double distance = Math.hypot(Math.max(awayX, 0), Math.max(awayY, 0)) / labelHeight;
        double onBox =
                clip(-awayX, 0, labelWidth)
                        * clip(-awayY, 0, labelHeight)
                        / (labelWidth * labelHeight);
        double fromUsual = Math.hypot(x - x1, y - (y1 - labelHeight)) / labelHeight;
        return covered + distance + onBox + 0.1 * fromUsual;
    }

    private static double clip(double value, double low, double high) {
        return Math.min(Math.max(value, low), high);
    }
}
