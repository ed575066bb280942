package deepmark.demo.model;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** The app's samples as the benchmark reads them: a folder of binary PPM files. */
final class SamplePictures {
    private SamplePictures() {}

    /**
     * Write the samples.
     *
     * @return their folder
     * @throws IOException one is no picture, or there is no room
     */
    static File write(Context context) throws IOException {
        File folder = new File(context.getCacheDir(), "benchmark");
        if (!folder.isDirectory() && !folder.mkdirs())
            throw new IOException("cannot make the folder " + folder);
        String[] names = context.getAssets().list("samples");
        for (String name : names == null ? new String[0] : names) {
            try (InputStream from = context.getAssets().open("samples/" + name)) {
                Bitmap picture = BitmapFactory.decodeStream(from);
                if (picture == null) throw new IOException("no picture: " + name);
                writePpm(new File(folder, name.replaceAll("\\.\\w+$", "") + ".ppm"), picture);
            }
        }
        return folder;
    }

    private static void writePpm(File to, Bitmap picture) throws IOException {
        int width = picture.getWidth();
        int height = picture.getHeight();
        int[] argb = new int[width * height];
        picture.getPixels(argb, 0, width, 0, 0, width, height);
        try (OutputStream out = new BufferedOutputStream(new FileOutputStream(to))) {
            out.write(
                    ("P6\n" + width + " " + height + "\n255\n")
                            .getBytes(StandardCharsets.US_ASCII));
            byte[] row = new byte[3 * width];
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    int pixel = argb[y * width + x];
                    row[3 * x] = (byte) (pixel >> 16);
                    row[3 * x + 1] = (byte) (pixel >> 8);
                    row[3 * x + 2] = (byte) pixel;
                }
                out.write(row);
            }
        }
    }
}
