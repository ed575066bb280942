package deepmark.demo.camera;

import android.content.Context;
import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.graphics.SurfaceTexture;
import android.hardware.DataSpace;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.media.Image;
import android.media.ImageReader;
import android.os.Build;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.util.Log;
import android.util.SizeF;
import android.view.Surface;

import deepmark.demo.camera.CameraScreen.Event;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** The cameras of a phone, by Camera2. */
public final class PhoneCameras implements Cameras {
    private static final String TAG = "deepmark";
    private static final int FRAMES_AT_ONCE =
            3; // one that is analysed, one that waits, one that is being written
    private static final int BT601_LIMITED_API = 33;

    private final CameraManager manager;
    private final Handler main = new Handler(Looper.getMainLooper());
    private Opened opened;

    public PhoneCameras(Context context) {
        manager = context.getSystemService(CameraManager.class);
    }

    @Override
    public List<Lens> lenses() {
        List<Lens> found = new ArrayList<>();
        try {
            String[] ids = manager.getCameraIdList();
            addMain(found, ids, CameraMetadata.LENS_FACING_BACK);
            addMain(found, ids, CameraMetadata.LENS_FACING_FRONT);
            if (found.isEmpty()) addMain(found, ids, CameraMetadata.LENS_FACING_EXTERNAL);
        } catch (CameraAccessException | RuntimeException error) {
            Log.w(TAG, "the cameras cannot be asked", error);
        }
        return found;
    }

    private void addMain(List<Lens> found, String[] ids, int facing) throws CameraAccessException {
        List<String> candidates = new ArrayList<>();
        List<CameraCharacteristics> facts = new ArrayList<>();
        for (String id : ids) {
            CameraCharacteristics one = manager.getCameraCharacteristics(id);
            Integer looks = one.get(CameraCharacteristics.LENS_FACING);
            if (looks != null
                    && looks == facing
                    && one.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP) != null) {
                candidates.add(id);
                facts.add(one);
            }
        }
        if (candidates.isEmpty()) return;
        double[] angles = new double[facts.size()];
        for (int i = 0; i < angles.length; i++) angles[i] = angle(facts.get(i));
        int chosen = CameraChoice.mainOf(angles);
        CameraCharacteristics lens = facts.get(chosen);
        StreamConfigurationMap map =
                lens.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        Size frame = CameraChoice.frame(sizes(map.getOutputSizes(ImageFormat.YUV_420_888)));
        if (frame == null) return;
        Integer orientation = lens.get(CameraCharacteristics.SENSOR_ORIENTATION);
        found.add(
                new Lens(
                        candidates.get(chosen),
                        facing == CameraMetadata.LENS_FACING_FRONT,
                        orientation == null ? 0 : orientation,
                        frame,
                        CameraChoice.preview(
                                sizes(map.getOutputSizes(SurfaceTexture.class)), frame),
                        Boolean.TRUE.equals(lens.get(CameraCharacteristics.FLASH_INFO_AVAILABLE))));
    }

    /**
     * Horizontal angle of view in degrees, of the shortest focal length; NaN where the camera does
     * not say.
     */
    private static double angle(CameraCharacteristics lens) {
        float[] lengths = lens.get(CameraCharacteristics.LENS_INFO_AVAILABLE_FOCAL_LENGTHS);
        SizeF sensor = lens.get(CameraCharacteristics.SENSOR_INFO_PHYSICAL_SIZE);
        if (lengths == null || lengths.length == 0 || sensor == null) return Double.NaN;
        return Math.toDegrees(2 * Math.atan(sensor.getWidth() / (2 * lengths[0])));
    }

    private static List<Size> sizes(android.util.Size[] from) {
        List<Size> all = new ArrayList<>();
        if (from != null)
            for (android.util.Size one : from) all.add(new Size(one.getWidth(), one.getHeight()));
        return all;
    }

    @Override
    public void open(Lens lens, int opening, Listener listener) {
        close();
        opened = new Opened(lens, opening, listener);
        opened.open();
    }

    @Override
    public void stream(SurfaceTexture preview) {
        if (opened != null) opened.stream(preview);
    }

    @Override
    public void freeze(boolean on) {
        if (opened != null) opened.freeze(on);
    }

    @Override
    public void torch(boolean on) {
        if (opened != null) opened.torch(on);
    }

    @Override
    public void close() {
        if (opened != null) opened.close();
        opened = null;
    }

    /**
     * One opening of one camera. Camera2's calls run on its own thread, in the order in which they
     * were asked for.
     */
    private final class Opened extends CameraDevice.StateCallback {
        private final Lens lens;
        private final int opening;
        private final Listener listener;
        private final HandlerThread thread = new HandlerThread("camera");
        private final Handler handler;
        private volatile boolean closing;
        private CameraDevice device;
        private CameraCaptureSession session;
        private CaptureRequest.Builder request;
        private ImageReader reader;
        private LentFrames lent;
        private Surface preview;
        private boolean frozen;

        Opened(Lens lens, int opening, Listener listener) {
            this.lens = lens;
            this.opening = opening;
            this.listener = listener;
            thread.start();
            handler = new Handler(thread.getLooper());
        }

        private void tell(Event event) {
            main.post(() -> listener.onEvent(event, opening));
        }

        void open() {
            handler.post(
                    () -> {
                        try {
                            if (!closing) manager.openCamera(lens.id(), this, handler);
                        } catch (CameraAccessException error) {
                            Log.w(TAG, "the camera cannot be opened", error);
                            tell(event(error.getReason()));
                        } catch (RuntimeException error) {
                            Log.w(TAG, "the camera cannot be opened", error);
                            tell(Event.FAILED);
                        }
                    });
        }

        void stream(SurfaceTexture texture) {
            handler.post(
                    () -> {
                        try {
                            if (closing || device == null) return;
                            texture.setDefaultBufferSize(
                                    lens.preview().width(), lens.preview().height());
                            preview = new Surface(texture);
                            reader =
                                    ImageReader.newInstance(
                                            lens.frame().width(),
                                            lens.frame().height(),
                                            ImageFormat.YUV_420_888,
                                            FRAMES_AT_ONCE);
                            lent = new LentFrames(reader::close);
                            reader.setOnImageAvailableListener(this::onImage, handler);
                            startSession();
                        } catch (CameraAccessException | RuntimeException error) {
                            Log.w(TAG, "the camera gives no preview", error);
                            tell(Event.FAILED);
                        }
                    });
        }

        // The session's newer form, with an Executor, is of Android 9; this one does the same on 8.
        @SuppressWarnings("deprecation")
        private void startSession() throws CameraAccessException {
            device.createCaptureSession(
                    List.of(preview, reader.getSurface()),
                    new CameraCaptureSession.StateCallback() {
                        @Override
                        public void onConfigured(CameraCaptureSession configured) {
                            session = configured;
                            try {
                                // The template for recording delays the preview on some makers'
                                // phones.
                                request =
                                        device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                                request.addTarget(preview);
                                request.addTarget(reader.getSurface());
                                repeat();
                                tell(Event.STREAMING);
                            } catch (CameraAccessException | RuntimeException error) {
                                Log.w(TAG, "the camera gives no frames", error);
                                tell(Event.FAILED);
                            }
                        }

                        @Override
                        public void onConfigureFailed(CameraCaptureSession refused) {
                            tell(Event.FAILED);
                        }
                    },
                    handler);
        }

        private void repeat() throws CameraAccessException {
            if (frozen) session.stopRepeating();
            else session.setRepeatingRequest(request.build(), null, handler);
        }

        void freeze(boolean on) {
            change(
                    () -> {
                        frozen = on;
                        repeat();
                    });
        }

        void torch(boolean on) {
            change(
                    () -> {
                        request.set(
                                CaptureRequest.FLASH_MODE,
                                on
                                        ? CameraMetadata.FLASH_MODE_TORCH
                                        : CameraMetadata.FLASH_MODE_OFF);
                        repeat();
                    });
        }

        private void change(Change change) {
            handler.post(
                    () -> {
                        if (closing || session == null || request == null) return;
                        try {
                            change.make();
                        } catch (CameraAccessException | RuntimeException error) {
                            Log.w(TAG, "the camera does not follow", error);
                            tell(Event.FAILED);
                        }
                    });
        }

        private void onImage(ImageReader from) {
            Image image;
            try {
                image = from.acquireLatestImage();
            } catch (IllegalStateException busy) {
                return; // all buffers are in use: the next frame is newer anyway
            }
            if (image == null) return;
            if (closing || !lent.lend()) image.close();
            else listener.onFrame(new YuvFrame(image, System.nanoTime(), lent));
        }

        void close() {
            closing = true;
            handler.post(
                    () -> {
                        if (session != null) session.close();
                        if (device != null) device.close();
                        if (lent != null) lent.end();
                        if (preview != null) preview.release();
                        thread.quitSafely();
                    });
        }

        @Override
        public void onOpened(CameraDevice now) {
            device = now;
            if (closing) now.close();
            else tell(Event.OPENED);
        }

        @Override
        public void onDisconnected(CameraDevice gone) {
            gone.close();
            tell(Event.LOST);
        }

        @Override
        public void onError(CameraDevice broken, int error) {
            broken.close();
            tell(
                    switch (error) {
                        case ERROR_CAMERA_IN_USE, ERROR_MAX_CAMERAS_IN_USE -> Event.TAKEN;
                        case ERROR_CAMERA_DISABLED -> Event.DISABLED;
                        default -> Event.FAILED;
                    });
        }

        private Event event(int reason) {
            return switch (reason) {
                case CameraAccessException.CAMERA_IN_USE,
                                CameraAccessException.MAX_CAMERAS_IN_USE ->
                        Event.TAKEN;
                case CameraAccessException.CAMERA_DISABLED -> Event.DISABLED;
                case CameraAccessException.CAMERA_DISCONNECTED -> Event.LOST;
                default -> Event.FAILED;
            };
        }
    }

    /** A change of a running camera. */
    private interface Change {
        void make() throws CameraAccessException;
    }

    /** Camera2's image as a frame. */
    private static final class YuvFrame implements CameraFrame {
        private final Image image;
        private final Image.Plane[] planes;
        private final Rect crop;
        private final long arrived;
        private final LentFrames lent;

        YuvFrame(Image image, long arrived, LentFrames lent) {
            this.image = image;
            this.arrived = arrived;
            this.lent = lent;
            planes = image.getPlanes();
            crop = image.getCropRect();
        }

        @Override
        public ByteBuffer bytes(int plane) {
            return planes[plane].getBuffer();
        }

        @Override
        public int rowStride(int plane) {
            return planes[plane].getRowStride();
        }

        @Override
        public int pixelStride(int plane) {
            return planes[plane].getPixelStride();
        }

        @Override
        public int[] crop() {
            return new int[] {crop.left, crop.top, crop.right, crop.bottom};
        }

        @Override
        public boolean fullRange() {
            if (Build.VERSION.SDK_INT < BT601_LIMITED_API) return true; // JFIF is what cameras give
            return DataSpace.getRange(image.getDataSpace()) != DataSpace.RANGE_LIMITED;
        }

        @Override
        public long arrivedNs() {
            return arrived;
        }

        @Override
        public void close() {
            image.close();
            lent.takeBack();
        }
    }
}
