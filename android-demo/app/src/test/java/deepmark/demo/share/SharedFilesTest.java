package deepmark.demo.share;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.ContentResolver;
import android.content.Context;
import android.content.Intent;
import android.database.Cursor;
import android.net.Uri;
import android.provider.OpenableColumns;

import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.List;

/** Results can be read by who they are shared with, and nothing else can. */
@RunWith(RobolectricTestRunner.class)
public final class SharedFilesTest {
    private final Context context = RuntimeEnvironment.getApplication();
    private final ContentResolver resolver = context.getContentResolver();

    @Before
    public void provide() {
        Robolectric.setupContentProvider(SharedFiles.class, "deepmark.demo.files");
    }

    @Test
    public void aResultIsReadByItsAddress() throws IOException {
        Uri address = SharedFiles.write(context, "a b.json", new byte[] {1, 2, 3});
        try (InputStream from = resolver.openInputStream(address)) {
            assertArrayEquals(new byte[] {1, 2, 3}, from.readAllBytes());
        }
        assertEquals("application/json", resolver.getType(address));
        try (Cursor row = resolver.query(address, null, null, null, null)) {
            row.moveToFirst();
            assertEquals(
                    "a b.json", row.getString(row.getColumnIndex(OpenableColumns.DISPLAY_NAME)));
            assertEquals(3, row.getLong(row.getColumnIndex(OpenableColumns.SIZE)));
        }
    }

    @Test
    public void nothingElseIsReadOrWritten() throws IOException {
        Uri address = SharedFiles.write(context, "a.json", new byte[1]);
        Files.write(new File(context.getCacheDir(), "secret.json").toPath(), new byte[1]);
        for (String name : new String[] {"../secret.json", "..%2Fsecret.json", "none.json", ""}) {
            Uri other = Uri.parse("content://deepmark.demo.files/" + name);
            assertThrows(name, FileNotFoundException.class, () -> resolver.openInputStream(other));
        }
        assertThrows(FileNotFoundException.class, () -> resolver.openOutputStream(address, "w"));
        assertThrows(
                UnsupportedOperationException.class, () -> resolver.delete(address, null, null));
    }

    @Test
    public void onlyTheLatestResultsStay() throws IOException {
        for (int i = 0; i < 40; i++) SharedFiles.write(context, i + ".json", new byte[1]);
        assertEquals(21, new File(context.getCacheDir(), "shared").list().length);
    }

    @Test
    public void resultsOfAClockThatWasSetBackStay() throws IOException {
        for (int i = 0; i < 30; i++) SharedFiles.write(context, i + ".json", new byte[1]);
        File folder = new File(context.getCacheDir(), "shared");
        long tomorrow = System.currentTimeMillis() + 86_400_000;
        for (File one : folder.listFiles()) assertTrue(one.setLastModified(tomorrow));
        List<Uri> both =
                List.of(
                        SharedFiles.write(context, "a.png", new byte[1]),
                        SharedFiles.write(context, "a.json", new byte[1]));
        for (Uri one : both) resolver.openInputStream(one).close();
    }

    @Test
    public void whoGetsAResultMayReadIt() throws IOException {
        Uri address = SharedFiles.write(context, "a.json", new byte[1]);
        Intent chooser = SharedFiles.intent(List.of(address), "application/json");
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals(address, send.getParcelableExtra(Intent.EXTRA_STREAM));
        assertEquals(
                Intent.FLAG_GRANT_READ_URI_PERMISSION,
                send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION);
        assertEquals(
                Intent.ACTION_SEND_MULTIPLE,
                ((Intent)
                                SharedFiles.intent(List.of(address, address), "*/*")
                                        .getParcelableExtra(Intent.EXTRA_INTENT))
                        .getAction());
    }
}
