package deepmark.demo.share;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.content.Intent;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Hands results to other apps, for reading: files of one folder, by name, to whom the user chose in
 * the share sheet.
 *
 * <p>Nothing has to be fetched from the app's own folders: some phones do not let a computer read
 * those.
 */
public final class SharedFiles extends ContentProvider {
    private static final String AUTHORITY = "deepmark.demo.files";
    private static final int KEPT = 20;

    /**
     * Write a file to share.
     *
     * @param name name of the file, without a folder
     * @return where other apps find it
     * @throws IOException there is no room
     */
    public static Uri write(Context context, String name, byte[] content) throws IOException {
        File folder = folder(context);
        if (!folder.isDirectory() && !folder.mkdirs())
            throw new IOException("cannot make the folder " + folder);
        long latest = removeOldest(folder);
        File partial = new File(folder, name + ".partial");
        try (FileOutputStream to = new FileOutputStream(partial)) {
            to.write(content);
        }
        File file = new File(folder, name);
        if (!partial.renameTo(file)) throw new IOException("cannot write " + name);
        // The phone's clock may have been set back: the file must not count as the oldest.
        if (file.lastModified() <= latest) file.setLastModified(latest + 1000);
        return new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(name).build();
    }

    /** Return an intent that offers files to other apps. */
    public static Intent intent(List<Uri> files, String type) {
        Intent send =
                new Intent(files.size() == 1 ? Intent.ACTION_SEND : Intent.ACTION_SEND_MULTIPLE);
        send.setType(type);
        if (files.size() == 1) send.putExtra(Intent.EXTRA_STREAM, files.get(0));
        else send.putParcelableArrayListExtra(Intent.EXTRA_STREAM, new ArrayList<>(files));
        send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
        return Intent.createChooser(send, null);
    }

    @Override
    public boolean onCreate() {
        return true;
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!mode.equals("r"))
            throw new FileNotFoundException("for reading only, found mode " + mode);
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY);
    }

    @Override
    public Cursor query(
            Uri uri, String[] columns, String selection, String[] arguments, String order) {
        String[] asked =
                columns == null
                        ? new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE}
                        : columns;
        MatrixCursor found = new MatrixCursor(asked, 1);
        try {
            File file = file(uri);
            Object[] row = new Object[asked.length];
            for (int i = 0; i < asked.length; i++) {
                if (asked[i].equals(OpenableColumns.DISPLAY_NAME)) row[i] = file.getName();
                else if (asked[i].equals(OpenableColumns.SIZE)) row[i] = file.length();
            }
            found.addRow(row);
        } catch (FileNotFoundException missing) {
            // No row, as for a file that was removed.
        }
        return found;
    }

    @Override
    public String getType(Uri uri) {
        String name = String.valueOf(uri.getLastPathSegment());
        if (name.endsWith(".png")) return "image/png";
        if (name.endsWith(".txt")) return "text/plain";
        return name.endsWith(".json") ? "application/json" : "application/octet-stream";
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("for reading only");
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException("for reading only");
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("for reading only");
    }

    /** Find a file among those of the folder: a name with a path in it is none of them. */
    private File file(Uri uri) throws FileNotFoundException {
        File[] all = folder(getContext()).listFiles();
        List<String> path = uri.getPathSegments();
        if (all != null && path.size() == 1) {
            for (File one : all) if (one.getName().equals(path.get(0)) && one.isFile()) return one;
        }
        throw new FileNotFoundException("no such result");
    }

    private static File folder(Context context) {
        return new File(context.getCacheDir(), "shared");
    }

    /** Remove what is too much; returns the time of the latest, in ms, 0 for none. */
    private static long removeOldest(File folder) {
        File[] all = folder.listFiles();
        if (all == null || all.length == 0) return 0;
        java.util.Arrays.sort(all, java.util.Comparator.comparingLong(File::lastModified));
        long latest = all[all.length - 1].lastModified();
        for (int i = 0; i + KEPT < all.length; i++) all[i].delete();
        return latest;
    }
}
