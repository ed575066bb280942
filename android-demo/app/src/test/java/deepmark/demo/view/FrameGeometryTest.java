package deepmark.demo.view;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import deepmark.demo.view.FrameGeometry.Fit;

import org.junit.Test;

import java.util.Random;

/** Where a camera's pixels are seen: cases worked out by hand, and the laws that hold for all. */
public final class FrameGeometryTest {
    private static final float EXACT = 1e-3f;

    /**
     * For each camera, sensor orientation and display rotation: the turn of the buffer, and where
     * the view (300 x 400 or 400 x 300, no bars) shows the pixel that the sensor reads first, the
     * upper left one of its 640 x 480.
     */
    private static final Object[][] BY_HAND = {
        // front, sensor, display, turn, view of the first pixel: left or right, top or bottom
        {false, 0, 0, 0, "left", "top"},
        {false, 90, 0, 90, "right", "top"},
        {false, 180, 0, 180, "right", "bottom"},
        {false, 270, 0, 270, "left", "bottom"},
        {false, 0, 1, 270, "left", "bottom"},
        {false, 90, 1, 0, "left", "top"},
        {false, 180, 1, 90, "right", "top"},
        {false, 270, 1, 180, "right", "bottom"},
        {false, 0, 2, 180, "right", "bottom"},
        {false, 90, 2, 270, "left", "bottom"},
        {false, 180, 2, 0, "left", "top"},
        {false, 270, 2, 90, "right", "top"},
        {false, 0, 3, 90, "right", "top"},
        {false, 90, 3, 180, "right", "bottom"},
        {false, 180, 3, 270, "left", "bottom"},
        {false, 270, 3, 0, "left", "top"},
        {true, 0, 0, 0, "right", "top"},
        {true, 90, 0, 90, "left", "top"},
        {true, 180, 0, 180, "left", "bottom"},
        {true, 270, 0, 270, "right", "bottom"},
        {true, 0, 1, 90, "left", "top"},
        {true, 90, 1, 180, "left", "bottom"},
        {true, 180, 1, 270, "right", "bottom"},
        {true, 270, 1, 0, "right", "top"},
        {true, 0, 2, 180, "left", "bottom"},
        {true, 90, 2, 270, "right", "bottom"},
        {true, 180, 2, 0, "right", "top"},
        {true, 270, 2, 90, "left", "top"},
        {true, 0, 3, 270, "right", "bottom"},
        {true, 90, 3, 0, "right", "top"},
        {true, 180, 3, 90, "left", "top"},
        {true, 270, 3, 180, "left", "bottom"},
    };

    /** Return the upright position of the buffer's first pixel after a clockwise turn. */
    private static float[] firstPixel(FrameGeometry at) {
        boolean right = at.turn() == 90 || at.turn() == 180;
        boolean bottom = at.turn() == 180 || at.turn() == 270;
        return new float[] {right ? at.width() - 1 : 0, bottom ? at.height() - 1 : 0};
    }

    @Test
    public void everySensorDisplayAndCameraIsSeenAsWorkedOutByHand() {
        for (Object[] row : BY_HAND) {
            boolean front = (boolean) row[0];
            int sensor = (int) row[1];
            int display = (int) row[2];
            boolean onSide = (int) row[3] % 180 != 0;
            int width = onSide ? 300 : 400;
            int height = onSide ? 400 : 300;
            FrameGeometry at =
                    FrameGeometry.ofCamera(
                            sensor, display, front, 640, 480, width, height, Fit.COVER);
            String name = String.join(" ", java.util.Arrays.toString(row));
            assertEquals(name, row[3], at.turn());
            float[] first = firstPixel(at);
            float half = at.scale() / 2;
            assertEquals(
                    name, row[4].equals("left") ? half : width - half, at.viewX(first[0]), EXACT);
            assertEquals(
                    name, row[5].equals("top") ? half : height - half, at.viewY(first[1]), EXACT);
        }
    }

    @Test
    public void aCoveredViewCutsTheEndsAndAnInsidePictureHasBars() {
        // 640 x 480 in 300 x 300: covered, 50 view pixels are cut off on each side; inside, bars of
        // 37.5 above and below.
        FrameGeometry cover = FrameGeometry.ofCamera(0, 0, false, 640, 480, 300, 300, Fit.COVER);
        assertEquals(0.625f, cover.scale(), EXACT);
        assertEquals(-50, cover.viewX(-0.5f), EXACT);
        assertEquals(350, cover.viewX(639.5f), EXACT);
        assertEquals(150, cover.viewX(319.5f), EXACT);
        FrameGeometry inside = FrameGeometry.ofCamera(0, 0, false, 640, 480, 300, 300, Fit.INSIDE);
        assertEquals(37.5f, inside.viewY(-0.5f), EXACT);
        assertEquals(262.5f, inside.viewY(479.5f), EXACT);
        FrameGeometry picture = FrameGeometry.ofPicture(100, 200, 100, 400);
        assertEquals(100, picture.top(), EXACT);
        assertEquals(1, picture.scale(), EXACT);
    }

    @Test
    public void aCropIsWhatIsSeen() {
        FrameGeometry at = FrameGeometry.ofCamera(90, 0, false, 320, 240, 480, 640, Fit.COVER);
        assertEquals(240, at.width());
        assertEquals(320, at.height());
        assertEquals(2, at.scale(), EXACT);
    }

    @Test
    public void theWayBackEndsWhereItBegan() {
        Random random = new Random(1);
        for (int i = 0; i < 2000; i++) {
            FrameGeometry at =
                    FrameGeometry.ofCamera(
                            90 * random.nextInt(4),
                            random.nextInt(4),
                            random.nextBoolean(),
                            1 + random.nextInt(2000),
                            1 + random.nextInt(2000),
                            1 + random.nextInt(3000),
                            1 + random.nextInt(3000),
                            random.nextBoolean() ? Fit.COVER : Fit.INSIDE);
            float x = random.nextFloat() * at.width();
            float y = random.nextFloat() * at.height();
            assertEquals(x, at.pictureX(at.viewX(x)), 0.01f * at.width());
            assertEquals(y, at.pictureY(at.viewY(y)), 0.01f * at.height());
        }
    }

    /** Where the matrix moves a point. */
    private static float[] moved(float[] matrix, float x, float y) {
        return new float[] {
            matrix[0] * x + matrix[1] * y + matrix[2], matrix[3] * x + matrix[4] * y + matrix[5]
        };
    }

    @Test
    public void thePreviewLiesWhereTheOverlayExpectsIt() {
        // The view shows the preview as on a phone held in its natural way: turned by the sensor's
        // orientation, and
        // mirrored for a front camera. The buffer's first pixel must land where the overlay shows
        // it.
        for (Object[] row : BY_HAND) {
            boolean front = (boolean) row[0];
            int sensor = (int) row[1];
            FrameGeometry at =
                    FrameGeometry.ofCamera(
                            sensor, (int) row[2], front, 640, 480, 321, 457, Fit.COVER);
            boolean right = sensor == 90 || sensor == 180;
            boolean bottom = sensor == 180 || sensor == 270;
            float u = front != right ? 1 : 0; // a front camera's preview is mirrored
            float v = bottom ? 1 : 0;
            float[] seen = moved(at.previewMatrix(), u * 321, v * 457);
            float[] first = firstPixel(at);
            float cornerX = first[0] == 0 ? -0.5f : at.width() - 0.5f;
            float cornerY = first[1] == 0 ? -0.5f : at.height() - 0.5f;
            assertArrayEquals(
                    java.util.Arrays.toString(row),
                    new float[] {at.viewX(cornerX), at.viewY(cornerY)},
                    seen,
                    0.01f);
        }
    }

    @Test
    public void whatIsNoSizeOrTurnIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> FrameGeometry.ofPicture(0, 1, 1, 1));
        assertThrows(
                IllegalArgumentException.class,
                () -> FrameGeometry.ofCamera(45, 0, false, 1, 1, 1, 1, Fit.COVER));
    }
}
