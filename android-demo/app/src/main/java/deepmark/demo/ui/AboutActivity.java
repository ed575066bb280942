package deepmark.demo.ui;

import android.os.Bundle;
import android.view.View;

import deepmark.demo.DemoApp;
import deepmark.demo.R;
import deepmark.demo.bundle.BundleException;
import deepmark.demo.bundle.BundleIndex;
import deepmark.demo.model.Models;

import org.json.JSONException;
import org.json.JSONObject;

import java.io.IOException;

/** What is in the app: models with their hashes, versions, licences, and what it may do. */
public final class AboutActivity extends ReportActivity {
    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        findViewById(R.id.actions).setVisibility(View.GONE);
        Models models = DemoApp.of(this).models();
        addCard(getString(R.string.privacy), getString(R.string.about_network));
        try {
            BundleIndex index = models.index();
            for (BundleIndex.Entry entry : index.bundles())
                addCard(entry.name(), card(models, entry));
            View app =
                    addCard(
                            getString(R.string.this_app),
                            getString(R.string.about_app, version(), index.builtWith()));
            if (index.standIn()) setVerdict(app, getString(R.string.stand_in_banner), false);
        } catch (BundleException broken) {
            setVerdict(
                    addCard(getString(R.string.about), ""),
                    Sentences.ofFailure(getResources(), broken),
                    false);
        }
        try {
            addCard(getString(R.string.licences), models.text("licences.txt").trim());
        } catch (IOException none) {
            // A build by hand, without the script that adds them.
        }
    }

    private String card(Models models, BundleIndex.Entry entry) {
        try {
            JSONObject manifest =
                    new JSONObject(
                            models.text("bundles/" + entry.name() + ".deepmark/manifest.json"));
            JSONObject input = manifest.getJSONObject("input");
            String facts =
                    getString(
                            R.string.about_model,
                            manifest.getString("name"),
                            manifest.getString("precision"),
                            input.getInt("width"),
                            input.getInt("height"),
                            manifest.getJSONObject("keypoints").getJSONArray("classes").length());
            return facts + "\n" + getString(R.string.about_hash, entry.sha256());
        } catch (IOException | JSONException broken) {
            return getString(R.string.bundle_damaged, String.valueOf(broken.getMessage()));
        }
    }
}
