package deepmark.demo.ui;

import android.app.Activity;
import android.content.pm.PackageManager;
import android.os.Bundle;
import android.view.View;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.TextView;

import deepmark.demo.R;

/**
 * A screen of cards with text, and at its end a button that starts something, and one that shares.
 */
abstract class ReportActivity extends Activity {
    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.report);
        if (getActionBar() != null) getActionBar().setDisplayHomeAsUpEnabled(true);
    }

    @Override
    public boolean onNavigateUp() {
        finish();
        return true;
    }

    /** Add a card and return it. */
    final View addCard(String title, String body) {
        LinearLayout cards = findViewById(R.id.cards);
        View card = getLayoutInflater().inflate(R.layout.report_card, cards, false);
        TextView heading = card.findViewById(R.id.title);
        heading.setText(title);
        setBody(card, body);
        cards.addView(card);
        return card;
    }

    final void setBody(View card, String body) {
        TextView text = card.findViewById(R.id.body);
        text.setText(body);
        text.setVisibility(body.isEmpty() ? View.GONE : View.VISIBLE);
    }

    final void setVerdict(View card, String text, boolean good) {
        TextView verdict = card.findViewById(R.id.verdict);
        verdict.setText(text);
        verdict.setTextColor(getColor(good ? R.color.good : R.color.bad));
        verdict.setVisibility(View.VISIBLE);
    }

    final void clearCards() {
        LinearLayout cards = findViewById(R.id.cards);
        cards.removeAllViews();
    }

    /** Return the version of this app. */
    final String version() {
        try {
            return getPackageManager().getPackageInfo(getPackageName(), 0).versionName;
        } catch (PackageManager.NameNotFoundException impossible) {
            return "";
        }
    }

    final Button start() {
        return findViewById(R.id.start);
    }

    final Button share() {
        return findViewById(R.id.share);
    }

    final ProgressBar progress() {
        return findViewById(R.id.progress);
    }
}
