import com.android.apksig.ApkSigner;
import com.android.apksig.ApkVerifier;

import java.io.File;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;

/**
 * Signs a package, or verifies its signatures; started by signing.py. The password is in
 * DEEPMARK_KEYSTORE_PASSWORD.
 *
 * <p>{@code sign IN OUT KEYSTORE ALIAS}, {@code verify FILE}
 */
final class Signature {
    public static void main(String[] words) {
        try {
            if (words[0].equals("sign"))
                sign(new File(words[1]), new File(words[2]), new File(words[3]), words[4]);
            else verify(new File(words[1]));
        } catch (Exception failed) {
            System.err.println("Error: " + failed.getMessage());
            System.exit(1);
        }
    }

    private static void sign(File in, File out, File store, String alias) throws Exception {
        char[] password =
                System.getenv().getOrDefault("DEEPMARK_KEYSTORE_PASSWORD", "").toCharArray();
        KeyStore keys;
        try {
            keys = KeyStore.getInstance(store, password);
        } catch (Exception wrong) {
            throw new Exception(
                    "the key store cannot be opened: the password is wrong, or it is none");
        }
        if (!keys.isKeyEntry(alias)) {
            throw new Exception(
                    "the key store has no key '"
                            + alias
                            + "', found "
                            + java.util.Collections.list(keys.aliases()));
        }
        PrivateKey key;
        try {
            key = (PrivateKey) keys.getKey(alias, password);
        } catch (java.security.UnrecoverableKeyException wrong) {
            throw new Exception("the key '" + alias + "' has another password than its store");
        }
        List<X509Certificate> chain = new ArrayList<>();
        for (var one : keys.getCertificateChain(alias)) chain.add((X509Certificate) one);
        new ApkSigner.Builder(
                        List.of(new ApkSigner.SignerConfig.Builder("CERT", key, chain).build()))
                .setInputApk(in)
                .setOutputApk(out)
                .setV1SigningEnabled(true)
                .setV2SigningEnabled(true)
                .setV3SigningEnabled(true)
                .setV4SigningEnabled(false)
                .setCreatedBy("deepmark")
                .build()
                .sign();
    }

    private static void verify(File file) throws Exception {
        ApkVerifier.Result found =
                new ApkVerifier.Builder(file).setMinCheckedPlatformVersion(23).build().verify();
        if (!found.isVerified()) throw new Exception("not validly signed: " + found.getErrors());
        if (found.isVerifiedUsingV1Scheme()) System.out.println("v1");
        if (found.isVerifiedUsingV2Scheme()) System.out.println("v2");
        if (found.isVerifiedUsingV3Scheme()) System.out.println("v3");
    }
}
