package deepmark.demo.bundle;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import deepmark.demo.bundle.BundleException.Kind;

import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Models are unpacked once, whole or not at all, whenever the phone stops the app. */
public final class BundleStoreTest {
    /** What stands for the system ending the app: nothing of ours runs after it. */
    private static final class Killed extends Error {
        private static final long serialVersionUID = 1;
    }

    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    private final Map<String, byte[]> packed = new LinkedHashMap<>();
    private BundleIndex.Entry entry;
    private File root;

    @Before
    public void pack() throws Exception {
        packed.put("shirt ü.deepmark/manifest.json", "{}".getBytes("UTF-8"));
        packed.put("shirt ü.deepmark/model.mnn", new byte[200_000]);
        packed.put("shirt ü.deepmark/vectors/0.json", "[1]".getBytes("UTF-8"));
        root = new File(folder.getRoot(), "bundles");
        entry = entry("shirt ü");
    }

    private BundleIndex.Entry entry(String name) throws Exception {
        List<BundleIndex.FileEntry> files = new ArrayList<>();
        String manifest = "";
        for (Map.Entry<String, byte[]> one : packed.entrySet()) {
            String path = one.getKey().substring(one.getKey().indexOf('/') + 1);
            String hash = sha256(one.getValue());
            if (path.equals("manifest.json")) manifest = hash;
            files.add(new BundleIndex.FileEntry(path, one.getValue().length, hash));
        }
        return new BundleIndex.Entry(name, manifest, files);
    }

    private static String sha256(byte[] content) throws Exception {
        StringBuilder text = new StringBuilder();
        for (byte one : MessageDigest.getInstance("SHA-256").digest(content)) {
            text.append(String.format("%02x", one));
        }
        return text.toString();
    }

    private InputStream open(String path) throws IOException {
        byte[] content = packed.get(path);
        if (content == null) throw new IOException("no " + path);
        return new ByteArrayInputStream(content);
    }

    private List<String> left() {
        String[] names = root.list();
        return names == null ? List.of() : List.of(names);
    }

    private void checkWhole(File unpacked) throws IOException {
        for (Map.Entry<String, byte[]> one : packed.entrySet()) {
            File file = new File(unpacked.getParentFile(), one.getKey());
            assertArrayEquals(one.getValue(), Files.readAllBytes(file.toPath()));
        }
        assertEquals(List.of(entry.sha256()), left());
    }

    @Test
    public void aModelIsUnpackedOnce() throws Exception {
        List<String> opened = new ArrayList<>();
        BundleStore store =
                new BundleStore(
                        root,
                        path -> {
                            opened.add(path);
                            return open(path);
                        });
        File first = store.unpacked(entry);
        checkWhole(first);
        assertEquals(first, store.unpacked(entry));
        assertEquals(packed.size(), opened.size());
    }

    @Test
    public void killedAtEveryStepTheNextStartHasItWhole() throws Exception {
        for (int step = 1; step <= 12; step++) {
            root = new File(folder.getRoot(), "killed-" + step);
            int[] reads = {step};
            BundleStore.Assets killing =
                    path -> {
                        InputStream content = open(path);
                        if (--reads[0] == 0) throw new Killed();
                        return new InputStream() {
                            @Override
                            public int read() {
                                throw new AssertionError("bytes are read in blocks");
                            }

                            @Override
                            public int read(byte[] into, int at, int most) throws IOException {
                                if (--reads[0] == 0) throw new Killed();
                                return content.read(into, at, most);
                            }
                        };
                    };
            try {
                new BundleStore(root, killing).unpacked(entry);
            } catch (Killed end) {
                assertFalse("step " + step, left().contains(entry.sha256()));
            }
            checkWhole(new BundleStore(root, this::open).unpacked(entry));
        }
    }

    @Test
    public void assetsThatAreNotWhatTheIndexSaysAreRefusedAndNothingStays() {
        packed.put("shirt ü.deepmark/model.mnn", new byte[199_999]);
        BundleException shorter =
                assertThrows(
                        BundleException.class,
                        () -> new BundleStore(root, this::open).unpacked(entry));
        assertEquals(Kind.DAMAGED, shorter.kind());
        packed.remove("shirt ü.deepmark/model.mnn");
        BundleException missing =
                assertThrows(
                        BundleException.class,
                        () -> new BundleStore(root, this::open).unpacked(entry));
        assertEquals(Kind.DAMAGED, missing.kind());
        assertEquals(List.of(), left());
    }

    @Test
    public void aFullPhoneIsToldBeforeAnythingIsWritten() {
        BundleIndex.Entry huge =
                new BundleIndex.Entry(
                        "huge",
                        entry.sha256(),
                        List.of(
                                new BundleIndex.FileEntry(
                                        "x", Long.MAX_VALUE / 4, entry.sha256())));
        BundleException full =
                assertThrows(
                        BundleException.class,
                        () -> new BundleStore(root, this::open).unpacked(huge));
        assertEquals(Kind.NO_SPACE, full.kind());
        assertEquals(List.of(), left());
    }

    @Test
    public void aModelOfAnEarlierAppGoesOnceTheNewOneIsThere() throws Exception {
        BundleStore store = new BundleStore(root, this::open);
        store.unpacked(entry);
        packed.put("shirt ü.deepmark/manifest.json", "{ }".getBytes("UTF-8"));
        BundleIndex.Entry newer = entry("shirt ü");
        File now = store.unpacked(newer);
        assertEquals(2, left().size());
        store.removeOthers(new BundleIndex(false, "test", List.of(newer)));
        assertEquals(List.of(newer.sha256()), left());
        assertTrue(now.isDirectory());
    }
}
