package deepmark.demo.camera;

import static org.junit.Assert.assertEquals;

import deepmark.demo.camera.FrameCheck.Verdict;

import org.junit.Test;

import java.nio.ByteBuffer;

/** Constant and empty frames are told, and not for one dark moment. */
public final class FrameCheckTest {
    private static final int STRIDE = 64;

    private static ByteBuffer plane(int value, boolean varied) {
        byte[] bytes = new byte[STRIDE * 47 + 40]; // a last row that ends with its last pixel
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (varied ? i % 251 : value);
        return ByteBuffer.wrap(bytes);
    }

    private static Verdict last(FrameCheck check, ByteBuffer y, int chroma, int frames) {
        ByteBuffer colour = plane(chroma, false);
        Verdict verdict = Verdict.PICTURE;
        for (int i = 0; i < frames; i++) verdict = check.look(y, STRIDE, colour, colour, 40, 48);
        return verdict;
    }

    @Test
    public void emptyFramesAreGreenAndConstantOnesAreGrey() {
        assertEquals(Verdict.GREEN, last(new FrameCheck(), plane(0, false), 0, 20));
        assertEquals(Verdict.CONSTANT, last(new FrameCheck(), plane(0, false), 128, 20));
        assertEquals(Verdict.CONSTANT, last(new FrameCheck(), plane(90, false), 0, 20));
        assertEquals(Verdict.PICTURE, last(new FrameCheck(), plane(0, true), 0, 40));
    }

    @Test
    public void aShortMomentIsNoFaultAndOnePictureEndsIt() {
        FrameCheck check = new FrameCheck();
        assertEquals(Verdict.PICTURE, last(check, plane(0, false), 0, FrameCheck.PATIENCE - 1));
        assertEquals(Verdict.PICTURE, last(check, plane(0, true), 0, 1));
        assertEquals(Verdict.PICTURE, last(check, plane(0, false), 0, 1));
    }
}
