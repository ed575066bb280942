package deepmark.demo.view;

import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Path;
import android.graphics.Typeface;

import deepmark.demo.engine.Found;
import deepmark.demo.engine.Garment;
import deepmark.demo.engine.Landmark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Draws garments over a picture: outline, landmarks, the corners of the box, and a label.
 *
 * <p>The drawing is that of {@code deepmark detect} (runtime/drawing): everything is drawn twice,
 * first wider in a dark tone; a landmark that the heatmap confirmed is a filled dot, one that comes
 * from the regression alone is a ring. Not safe for several threads.
 */
public final class OverlayPainter {
    private static final double REFERENCE = 400;
    private static final double LINE = 1.5;
    private static final double DOT = 2.5;
    private static final double TEXT = 13;
    private static final double RIM = 0.9;
    private static final double SMALLEST_TEXT = 10;
    private static final double TEXT_PER_SIDE = 0.12;
    private static final double BOLDER_ON_SCREENS =
            1.3; // a phone is held further away than a picture is looked at
    private static final double CAP_HEIGHT = 0.7;
    private static final float RING = 1.3f;

    private final Paint stroke = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint fill = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint text = new Paint(Paint.ANTI_ALIAS_FLAG | Paint.SUBPIXEL_TEXT_FLAG);
    private final Path path = new Path();

    public OverlayPainter() {
        stroke.setStyle(Paint.Style.STROKE);
        stroke.setStrokeCap(Paint.Cap.ROUND);
        stroke.setStrokeJoin(Paint.Join.ROUND);
        text.setTypeface(Typeface.create("sans-serif-medium", Typeface.NORMAL));
    }

    /** Widths of what is drawn, in view pixels. */
    private record Pen(float line, float dot, float rim) {
        Pen thinner(double factor) {
            return new Pen((float) (line * factor), (float) (dot * factor), (float) (rim * factor));
        }
    }

    /**
     * Draw.
     *
     * @param canvas canvas of the view, or of a picture
     * @param found objects in pixels of the analysed picture, best first
     * @param card classes, names and outlines
     * @param at where the analysed picture lies on the canvas
     * @param density pixels per density-independent pixel: nothing is drawn thinner, or written
     *     smaller, than can be read; 1 for a picture
     */
    public void draw(Canvas canvas, Found found, ModelCard card, FrameGeometry at, float density) {
        drawGarments(canvas, found, card, at, density);
        if (found.garments().isEmpty()) return;
        double size = density * Math.max(TEXT * Math.pow(side(at, density), 0.75), SMALLEST_TEXT);
        drawLabels(canvas, found.garments(), card, at, pen(at, density), size, density);
    }

    /** Draw everything but the labels, the best on top. */
    void drawGarments(Canvas canvas, Found found, ModelCard card, FrameGeometry at, float density) {
        Pen pen = pen(at, density);
        List<Garment> garments = found.garments();
        for (int i = garments.size() - 1; i >= 0; i--)
            drawGarment(canvas, garments.get(i), card, at, pen);
    }

    /**
     * Side of the shown picture, in those that the sizes are given for; long narrow ones count
     * less.
     */
    private static double side(FrameGeometry at, float density) {
        double width = Math.min(at.width() * at.scale(), at.viewWidth()) / density;
        double height = Math.min(at.height() * at.scale(), at.viewHeight()) / density;
        return Math.min(Math.sqrt(width * height), 2.5 * Math.min(width, height)) / REFERENCE;
    }

    private static Pen pen(FrameGeometry at, float density) {
        double grown = Math.pow(side(at, density), 0.85);
        double unit = density > 1 ? BOLDER_ON_SCREENS * density : density;
        return new Pen(
                (float) (unit * Math.max(LINE * grown, 0.7)),
                (float) (unit * Math.max(DOT * grown, 1)),
                (float) (unit * Math.max(RIM * grown, 0.5)));
    }

    private void drawGarment(
            Canvas canvas, Garment garment, ModelCard card, FrameGeometry at, Pen full) {
        int colour = Palette.ofClass(garment.classId());
        double[] box = boxOf(garment, at);
        double share = 2 * side(box) / Math.sqrt((double) at.viewWidth() * at.viewHeight());
        Pen pen = full.thinner(Math.min(Math.max(share, 0.4), 1));
        path.rewind();
        addBox(box, at, pen, garment.landmarks().isEmpty());
        strokeTwice(canvas, pen, colour);
        path.rewind();
        List<Landmark> landmarks = garment.landmarks();
        if (garment.classId() < card.classes().size()) {
            for (int[] line : card.classes().get(garment.classId()).outline()) {
                for (int i = 0; i < line.length; i++) {
                    Landmark point = landmarks.get(line[i]);
                    float x = at.viewX(point.x());
                    float y = at.viewY(point.y());
                    if (i == 0) path.moveTo(x, y);
                    else path.lineTo(x, y);
                }
            }
            strokeTwice(canvas, pen, colour);
        }
        for (Landmark point : landmarks) {
            float x = at.viewX(point.x());
            float y = at.viewY(point.y());
            fill.setColor(Palette.HALO);
            if (point.refined()) {
                canvas.drawCircle(x, y, pen.dot + pen.rim, fill);
                fill.setColor(colour);
                canvas.drawCircle(x, y, pen.dot, fill);
            } else {
                canvas.drawCircle(x, y, RING * pen.dot + 0.35f * pen.line + pen.rim, fill);
                stroke.setStrokeWidth(0.7f * pen.line);
                stroke.setColor(colour);
                canvas.drawCircle(x, y, RING * pen.dot, stroke);
            }
        }
    }

    private void strokeTwice(Canvas canvas, Pen pen, int colour) {
        stroke.setStrokeWidth(pen.line + 2 * pen.rim);
        stroke.setColor(Palette.HALO);
        canvas.drawPath(path, stroke);
        stroke.setStrokeWidth(pen.line);
        stroke.setColor(colour);
        canvas.drawPath(path, stroke);
    }

    /**
     * Add four brackets at the corners of a box, as far as the view shows it; all of it where there
     * is nothing else to draw.
     */
    private void addBox(double[] box, FrameGeometry at, Pen pen, boolean whole) {
        double rim = pen.line / 2 + pen.rim;
        double x1 = clip(box[0], rim, at.viewWidth() - rim);
        double y1 = clip(box[1], rim, at.viewHeight() - rim);
        double x2 = clip(box[2], rim, at.viewWidth() - rim);
        double y2 = clip(box[3], rim, at.viewHeight() - rim);
        if (whole) {
            path.addRect((float) x1, (float) y1, (float) x2, (float) y2, Path.Direction.CW);
            return;
        }
        double arm =
                Math.min(
                        0.12 * Math.min(x2 - x1, y2 - y1) + 2 * pen.line,
                        Math.min((x2 - x1) / 2, (y2 - y1) / 2));
        for (int corner = 0; corner < 4; corner++) {
            boolean right = corner % 2 == 1;
            boolean low = corner > 1;
            float x = (float) (right ? x2 : x1);
            float y = (float) (low ? y2 : y1);
            path.moveTo(x, (float) (low ? y - arm : y + arm));
            path.lineTo(x, y);
            path.lineTo((float) (right ? x - arm : x + arm), y);
        }
    }

    private void drawLabels(
            Canvas canvas,
            List<Garment> garments,
            ModelCard card,
            FrameGeometry at,
            Pen pen,
            double size,
            float density) {
        List<double[]> boxes = new ArrayList<>();
        List<double[]> points = new ArrayList<>();
        for (Garment garment : garments) {
            boxes.add(boxOf(garment, at));
            for (Landmark point : garment.landmarks())
                points.add(new double[] {at.viewX(point.x()), at.viewY(point.y())});
        }
        double[] sides = boxes.stream().mapToDouble(OverlayPainter::side).sorted().toArray();
        double median = (sides[(sides.length - 1) / 2] + sides[sides.length / 2]) / 2;
        float em =
                (float) Math.max(Math.min(size, TEXT_PER_SIDE * median), SMALLEST_TEXT * density);
        text.setTextSize(em);
        float padding = 0.5f * em;
        float chipHeight = 1.55f * em;
        LabelLayout layout = new LabelLayout(at.viewWidth(), at.viewHeight(), 2 * pen.rim, points);
        for (int i = 0; i < garments.size(); i++) {
            Garment garment = garments.get(i);
            String score = String.format(Locale.getDefault(), "%.2f", garment.score());
            String words = card.className(garment.classId()) + "  " + score;
            if (text.measureText(words) + 2 * padding > at.viewWidth()) words = score;
            float chipWidth = text.measureText(words) + 2 * padding;
            double[] corner = layout.place(chipWidth, chipHeight, boxes.get(i));
            if (corner == null) continue;
            int colour = Palette.ofClass(garment.classId());
            float x = (float) corner[0];
            float y = (float) corner[1];
            float radius = 0.28f * chipHeight;
            fill.setColor(Palette.HALO);
            canvas.drawRoundRect(x, y, x + chipWidth, y + chipHeight, radius, radius, fill);
            fill.setColor(colour);
            canvas.drawRoundRect(
                    x + pen.rim,
                    y + pen.rim,
                    x + chipWidth - pen.rim,
                    y + chipHeight - pen.rim,
                    radius,
                    radius,
                    fill);
            text.setColor(Palette.inkOn(colour));
            canvas.drawText(
                    words, x + padding, y + (float) (chipHeight + CAP_HEIGHT * em) / 2, text);
        }
    }

    /** Return x1, y1, x2, y2 in the view, the smaller ones first in a mirrored view, too. */
    private static double[] boxOf(Garment garment, FrameGeometry at) {
        double[] across = {at.viewX(garment.left()), at.viewX(garment.right())};
        Arrays.sort(across);
        return new double[] {
            across[0], at.viewY(garment.top()), across[1], at.viewY(garment.bottom())
        };
    }

    private static double side(double[] box) {
        return Math.sqrt(Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0));
    }

    private static double clip(double value, double low, double high) {
        return Math.min(Math.max(value, low), Math.max(high, low));
    }
}
