package deepmark.demo.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;

import deepmark.demo.camera.Cameras.Size;

import org.junit.Test;

import java.util.List;

/** The main camera of a side, and sizes that show the same part of the scene. */
public final class CameraChoiceTest {
    @Test
    public void framesAndPreviewHaveOneShape() {
        List<Size> sizes =
                List.of(
                        new Size(1920, 1080),
                        new Size(1280, 720),
                        new Size(1440, 1080),
                        new Size(640, 480));
        Size frame = CameraChoice.frame(sizes);
        assertEquals(new Size(640, 480), frame);
        assertEquals(new Size(1440, 1080), CameraChoice.preview(sizes, frame));
        assertEquals(frame, CameraChoice.preview(List.of(new Size(1920, 1080)), frame));
        assertNull(CameraChoice.frame(List.of()));
    }

    @Test
    public void aTelephotoOrUltraWideLensIsNotTheMainOne() {
        assertEquals(1, CameraChoice.mainOf(new double[] {20, 72, 110}));
        assertEquals(0, CameraChoice.mainOf(new double[] {Double.NaN}));
        assertEquals(1, CameraChoice.mainOf(new double[] {15, Double.NaN}));
        assertEquals(0, CameraChoice.mainOf(new double[] {70, 75}));
        assertEquals(-1, CameraChoice.mainOf(new double[] {}));
    }
}
