package deepmark.demo.bundle;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import deepmark.demo.bundle.BundleException.Kind;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/** The index is read as deepmark bundle writes it; anything else is one sentence. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public final class BundleIndexTest {
    private static final String HASH = "0123456789abcdef".repeat(4);

    private static String index(int format, String name, String path, String hash) {
        return ("{'format':%d,'stand_in':false,'built_with':'x','bundles':[{'name':'%s','sha256':'%s',"
                    + "'precision':'fp32','files':{'%s':{'bytes':3,'sha256':'%s'}}}]}")
                .formatted(format, name, hash, path, hash)
                .replace('\'', '"');
    }

    private static Kind refusal(String text) {
        return assertThrows(BundleException.class, () -> BundleIndex.read(text)).kind();
    }

    @Test
    public void whatTheScriptWritesIsRead() throws BundleException {
        BundleIndex read = BundleIndex.read(index(1, "shirt", "vectors/0.json", HASH));
        assertEquals("shirt", read.bundles().get(0).name());
        assertEquals(3, read.bundles().get(0).bytes());
    }

    @Test
    public void everythingElseIsRefused() {
        assertEquals(Kind.NEWER, refusal(index(2, "shirt", "a", HASH)));
        for (String path : new String[] {"../a", "a//b", "/a", ".", "a/.."}) {
            assertEquals(path, Kind.DAMAGED, refusal(index(1, "shirt", path, HASH)));
        }
        assertEquals(Kind.DAMAGED, refusal(index(1, "..", "a", HASH)));
        assertEquals(Kind.DAMAGED, refusal(index(1, "shirt", "a", "12")));
        assertEquals(Kind.DAMAGED, refusal("{"));
        assertEquals(Kind.DAMAGED, refusal("{\"format\":1}"));
    }
}
