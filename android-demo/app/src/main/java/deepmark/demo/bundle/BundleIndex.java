package deepmark.demo.bundle;

import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * What {@code deepmark bundle --android} put into the app: {@code assets/bundles/index.json}.
 *
 * @param standIn whether the app has no MNN in it: nothing can be computed, and the app says so
 * @param builtWith program and version that made the app
 * @param bundles models, the first one is what a fresh app begins with
 */
public record BundleIndex(boolean standIn, String builtWith, List<Entry> bundles) {
    /** Version of the index that this app reads. */
    public static final int FORMAT = 1;

    /**
     * One model.
     *
     * @param name name of the model; its folder is NAME.deepmark
     * @param sha256 sha256 of its manifest, hex; it names every other file by its own
     * @param files files of the bundle
     */
    public record Entry(String name, String sha256, List<FileEntry> files) {
        /** Return the length of all files in bytes. */
        public long bytes() {
            long sum = 0;
            for (FileEntry file : files) sum += file.bytes();
            return sum;
        }
    }

    /**
     * One file of a bundle.
     *
     * @param path its path below the bundle's folder
     * @param bytes its length
     * @param sha256 its sha256, hex
     */
    public record FileEntry(String path, long bytes, String sha256) {}

    /**
     * Read an index.
     *
     * @param text the whole document
     * @throws BundleException it is no index, or of a later version
     */
    public static BundleIndex read(String text) throws BundleException {
        try {
            JSONObject document = new JSONObject(text);
            int format = document.getInt("format");
            if (format != FORMAT) {
                throw new BundleException(
                        BundleException.Kind.NEWER,
                        "index format " + format + ", expected " + FORMAT);
            }
            List<Entry> entries = new ArrayList<>();
            JSONArray listed = document.getJSONArray("bundles");
            for (int i = 0; i < listed.length(); i++) entries.add(entry(listed.getJSONObject(i)));
            return new BundleIndex(
                    document.getBoolean("stand_in"),
                    document.getString("built_with"),
                    List.copyOf(entries));
        } catch (JSONException broken) {
            throw new BundleException(
                    BundleException.Kind.DAMAGED, "index.json: " + broken.getMessage());
        }
    }

    private static Entry entry(JSONObject from) throws JSONException, BundleException {
        List<FileEntry> files = new ArrayList<>();
        JSONObject listed = from.getJSONObject("files");
        for (Iterator<String> paths = listed.keys(); paths.hasNext(); ) {
            String path = paths.next();
            JSONObject file = listed.getJSONObject(path);
            files.add(
                    new FileEntry(
                            inside(path), file.getLong("bytes"), hex(file.getString("sha256"))));
        }
        return new Entry(
                inside(from.getString("name")), hex(from.getString("sha256")), List.copyOf(files));
    }

    private static String inside(String path) throws BundleException {
        for (String part : path.split("/", -1)) {
            if (part.isEmpty() || part.equals(".") || part.equals("..")) {
                throw new BundleException(
                        BundleException.Kind.DAMAGED, "index.json names a path outside: " + path);
            }
        }
        return path;
    }

    private static String hex(String sha256) throws BundleException {
        if (!sha256.matches("[0-9a-f]{64}")) {
            throw new BundleException(
                    BundleException.Kind.DAMAGED, "index.json holds no sha256: " + sha256);
        }
        return sha256;
    }
}
