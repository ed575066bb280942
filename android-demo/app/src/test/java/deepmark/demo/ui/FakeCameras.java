package deepmark.demo.ui;

import android.graphics.SurfaceTexture;

import deepmark.demo.camera.CameraFrame;
import deepmark.demo.camera.CameraScreen.Event;
import deepmark.demo.camera.Cameras;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Cameras that do what a test tells them: Robolectric's own deliver no frames. */
final class FakeCameras implements Cameras {
    static final Lens BACK = new Lens("0", false, 90, new Size(64, 48), new Size(128, 96), true);
    static final Lens FRONT = new Lens("1", true, 270, new Size(64, 48), new Size(128, 96), false);

    final List<String> calls = new ArrayList<>();
    List<Lens> all = List.of(BACK, FRONT);
    Listener listener;
    int opening;

    @Override
    public List<Lens> lenses() {
        return all;
    }

    @Override
    public void open(Lens lens, int number, Listener told) {
        calls.add("open " + lens.id());
        listener = told;
        opening = number;
    }

    @Override
    public void stream(SurfaceTexture preview) {
        calls.add("stream");
    }

    @Override
    public void freeze(boolean on) {
        calls.add(on ? "freeze" : "go on");
    }

    @Override
    public void torch(boolean on) {
        calls.add(on ? "light" : "dark");
    }

    @Override
    public void close() {
        calls.add("close");
    }

    /** Tell an event of the latest opening. */
    void tell(Event event) {
        listener.onEvent(event, opening);
    }

    /** A frame of one colour, in direct buffers as a camera's. */
    static final class Frame implements CameraFrame {
        private final int width;
        private final int height;
        private final ByteBuffer[] planes;
        boolean closed;

        Frame(int width, int height, byte[] y, byte[] u, byte[] v) {
            this.width = width;
            this.height = height;
            planes = new ByteBuffer[] {direct(y), direct(u), direct(v)};
        }

        private static ByteBuffer direct(byte[] from) {
            ByteBuffer made = ByteBuffer.allocateDirect(from.length);
            made.put(from).flip();
            return made;
        }

        @Override
        public ByteBuffer bytes(int plane) {
            return planes[plane];
        }

        @Override
        public int rowStride(int plane) {
            return plane == 0 ? width : width / 2;
        }

        @Override
        public int pixelStride(int plane) {
            return 1;
        }

        @Override
        public int[] crop() {
            return new int[] {0, 0, width, height};
        }

        @Override
        public boolean fullRange() {
            return true;
        }

        @Override
        public long arrivedNs() {
            return System.nanoTime();
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
