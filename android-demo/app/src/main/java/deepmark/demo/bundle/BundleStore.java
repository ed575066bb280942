package deepmark.demo.bundle;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * Unpacked models in the app's own folder: each once, by the sha256 of its manifest, whole or not
 * at all.
 *
 * <p>MNN copies a model whether it is read from a file or from memory, so reading it from the APK
 * would save nothing; and the runtime reads a folder.
 */
public final class BundleStore {

    /** Where packed files come from. */
    public interface Assets {
        /**
         * Open a file below {@code assets/bundles}.
         *
         * @throws IOException there is no such file, or it cannot be read
         */
        InputStream open(String path) throws IOException;
    }

    /** Bytes that stay free beside an unpacked model. */
    static final long RESERVE = 16 << 20;

    private static final String PARTIAL = "partial-";

    private final File root;
    private final Assets assets;

    /**
     * @param root folder of the app that nothing else writes into
     * @param assets the packed models
     */
    public BundleStore(File root, Assets assets) {
        this.root = root;
        this.assets = assets;
    }

    /**
     * Return the folder of a model, unpacking it where it is not there yet.
     *
     * <p>Each file is compared with the index while it is written; the folder appears under its
     * name when all are there. What an interruption left behind is removed by the next call.
     *
     * @throws BundleException the packed files are not what the index says, or there is no room
     */
    public synchronized File unpacked(BundleIndex.Entry entry) throws BundleException {
        File home = new File(root, entry.sha256());
        File folder = new File(home, entry.name() + ".deepmark");
        if (folder.isDirectory()) return folder;
        File partial = new File(root, PARTIAL + entry.sha256());
        remove(partial);
        File into = new File(partial, entry.name() + ".deepmark");
        if (!into.mkdirs()) {
            throw new BundleException(
                    BundleException.Kind.STORAGE, "cannot make the folder " + into);
        }
        long room = root.getUsableSpace();
        if (room < entry.bytes() + RESERVE) {
            remove(partial);
            throw new BundleException(
                    BundleException.Kind.NO_SPACE,
                    (entry.bytes() + RESERVE) / (1 << 20)
                            + " MB needed, "
                            + room / (1 << 20)
                            + " MB free");
        }
        try {
            for (BundleIndex.FileEntry file : entry.files()) copy(entry.name(), file, into);
        } catch (BundleException failed) {
            remove(partial);
            throw failed;
        }
        if (!partial.renameTo(home)) {
            remove(partial);
            throw new BundleException(
                    BundleException.Kind.STORAGE, "cannot name the folder " + home);
        }
        return folder;
    }

    /**
     * Remove every unpacked model that the index does not name; to be called once the new ones
     * work.
     */
    public synchronized void removeOthers(BundleIndex index) {
        File[] found = root.listFiles();
        if (found == null) return;
        for (File one : found) {
            if (index.bundles().stream().noneMatch(entry -> entry.sha256().equals(one.getName())))
                remove(one);
        }
    }

    private void copy(String name, BundleIndex.FileEntry file, File into) throws BundleException {
        File target = new File(into, file.path());
        File folder = target.getParentFile();
        if (!folder.isDirectory() && !folder.mkdirs()) {
            throw new BundleException(
                    BundleException.Kind.STORAGE, "cannot make the folder " + folder);
        }
        MessageDigest digest = sha256();
        long length = 0;
        try (InputStream from = packed(name + ".deepmark/" + file.path());
                FileOutputStream to = new FileOutputStream(target)) {
            byte[] block = new byte[1 << 16];
            for (int read = from.read(block); read >= 0; read = from.read(block)) {
                digest.update(block, 0, read);
                to.write(block, 0, read);
                length += read;
            }
            to.getFD().sync();
        } catch (IOException failed) {
            boolean full = root.getUsableSpace() < (1 << 20);
            throw new BundleException(
                    full ? BundleException.Kind.NO_SPACE : BundleException.Kind.STORAGE,
                    file.path() + ": " + failed.getMessage());
        }
        if (length != file.bytes() || !hex(digest.digest()).equals(file.sha256())) {
            throw new BundleException(
                    BundleException.Kind.DAMAGED,
                    file.path() + " in the app is not what its index says");
        }
    }

    private InputStream packed(String path) throws BundleException {
        try {
            return assets.open(path);
        } catch (IOException missing) {
            throw new BundleException(
                    BundleException.Kind.DAMAGED, path + " is missing in the app");
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java has SHA-256", impossible);
        }
    }

    private static String hex(byte[] digest) {
        StringBuilder text = new StringBuilder();
        for (byte one : digest) {
            text.append(Character.forDigit((one >> 4) & 15, 16))
                    .append(Character.forDigit(one & 15, 16));
        }
        return text.toString();
    }

    private static void remove(File path) {
        File[] inside = path.listFiles();
        if (inside != null) for (File one : inside) remove(one);
        path.delete();
    }
}
