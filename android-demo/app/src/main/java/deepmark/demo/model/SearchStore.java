package deepmark.demo.model;

import android.content.Context;
import android.os.Build;

import deepmark.demo.bundle.BundleIndex;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Keeps what a search found out, for each model by its sha256: the table, and a document a way. */
public final class SearchStore {
    private static final String TABLE = "table.json";

    /** Tells a way that is being tried now from one that ended an earlier process. */
    private static final String PROCESS = UUID.randomUUID().toString();

    private final File folder;
    private final String build;
    private final String process;

    /**
     * Open the store.
     *
     * @param appVersion version of this app
     */
    public SearchStore(Context context, String appVersion) {
        this(context, appVersion, PROCESS);
    }

    /** Open the store as another process would. */
    SearchStore(Context context, String appVersion, String process) {
        this.process = process;
        folder = new File(context.getFilesDir(), "searches");
        build = Build.FINGERPRINT + " " + appVersion;
    }

    /** Return what is known of a model; a fresh table where nothing is. */
    public SearchTable read(BundleIndex.Entry entry) {
        try {
            return SearchTable.read(text(new File(folder(entry), TABLE)), build, process);
        } catch (IOException none) {
            return SearchTable.fresh();
        }
    }

    /**
     * Keep a table; it lies on the disk when this returns, even if the phone goes off then.
     *
     * @throws IOException there is no room
     */
    public void write(BundleIndex.Entry entry, SearchTable table) throws IOException {
        write(entry, TABLE, table.written(build, process));
    }

    /** Keep the document of the measurement of a row of the table. */
    void writeDocument(BundleIndex.Entry entry, int row, String document) throws IOException {
        write(entry, row + ".json", document);
    }

    /** Return the documents of the ways that were measured. */
    public List<String> documents(BundleIndex.Entry entry) throws IOException {
        List<String> found = new ArrayList<>();
        for (int row = 0; row < SearchTable.fresh().rows().size(); row++) {
            File file = new File(folder(entry), row + ".json");
            if (file.isFile()) found.add(text(file));
        }
        return found;
    }

    /** Forget a model's search. */
    public void forget(BundleIndex.Entry entry) {
        File[] all = folder(entry).listFiles();
        if (all != null) for (File one : all) one.delete();
    }

    private File folder(BundleIndex.Entry entry) {
        return new File(folder, entry.sha256());
    }

    private static String text(File file) throws IOException {
        return new String(Files.readAllBytes(file.toPath()), StandardCharsets.UTF_8);
    }

    private void write(BundleIndex.Entry entry, String name, String text) throws IOException {
        File own = folder(entry);
        if (!own.isDirectory() && !own.mkdirs())
            throw new IOException("cannot make the folder " + own);
        File partial = new File(own, name + ".partial");
        try (FileOutputStream to = new FileOutputStream(partial)) {
            to.write(text.getBytes(StandardCharsets.UTF_8));
            to.getFD().sync();
        }
        if (!partial.renameTo(new File(own, name))) throw new IOException("cannot write " + name);
    }
}
