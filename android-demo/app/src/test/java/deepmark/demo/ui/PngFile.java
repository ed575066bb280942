package deepmark.demo.ui;

import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/** PNG files of any size, without their pixels in memory. */
final class PngFile {
    private PngFile() {}

    /** A picture of one colour, of one bit a pixel. */
    static byte[] of(int width, int height) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(new byte[] {(byte) 137, 'P', 'N', 'G', 13, 10, 26, 10});
        byte[] header = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
        ByteBuffer.wrap(header).putInt(width).putInt(height);
        chunk(file, "IHDR", header, header.length);
        Deflater deflater = new Deflater();
        deflater.setInput(new byte[((width + 7) / 8 + 1) * height]);
        deflater.finish();
        byte[] packed = new byte[1 << 16];
        chunk(file, "IDAT", packed, deflater.deflate(packed));
        assertTrue(deflater.finished());
        chunk(file, "IEND", new byte[0], 0);
        return file.toByteArray();
    }

    private static void chunk(ByteArrayOutputStream to, String name, byte[] content, int length) {
        byte[] named =
                ByteBuffer.allocate(4 + length)
                        .put(name.getBytes(StandardCharsets.US_ASCII))
                        .put(content, 0, length)
                        .array();
        CRC32 sum = new CRC32();
        sum.update(named);
        to.writeBytes(ByteBuffer.allocate(4).putInt(length).array());
        to.writeBytes(named);
        to.writeBytes(ByteBuffer.allocate(4).putInt((int) sum.getValue()).array());
    }
}
