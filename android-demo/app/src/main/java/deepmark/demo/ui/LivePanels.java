package deepmark.demo.ui;

import android.app.Activity;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;

import deepmark.demo.R;
import deepmark.demo.camera.CameraScreen.Trouble;
import deepmark.demo.model.Analyser;
import deepmark.demo.stats.LiveNumbers;
import deepmark.demo.view.ModelCard;

import java.util.List;
import java.util.function.Consumer;

/**
 * What stands over the live picture in words: a banner, the numbers, and a message with a way out.
 */
final class LivePanels {
    private final Activity activity;
    private final Consumer<Trouble> mend;

    /**
     * @param activity screen with layout/live
     * @param mend is called with the trouble whose button was pressed
     */
    LivePanels(Activity activity, Consumer<Trouble> mend) {
        this.activity = activity;
        this.mend = mend;
    }

    /** Say what is wrong with the whole app, for as long as it is. */
    void showBanner(boolean standIn, boolean differs) {
        String text = "";
        if (standIn) text = activity.getString(R.string.stand_in_banner);
        else if (differs) text = activity.getString(R.string.differs_banner);
        set(R.id.banner, text);
        show(R.id.banner, !text.isEmpty());
    }

    /**
     * Show the numbers.
     *
     * @param now numbers of the frames that count; null hides them
     * @param latest latest result; not looked at where the numbers are hidden
     * @param heat thermal status of the phone
     */
    void showNumbers(LiveNumbers.Shown now, Analyser.Result latest, int heat) {
        show(R.id.numbers, now != null);
        if (now == null) return;
        set(
                R.id.speed,
                activity.getString(
                        R.string.speed,
                        Sentences.number(now.framesPerSecond(), 1),
                        Sentences.number(now.median(), 0),
                        Sentences.number(now.p90(), 0)));
        set(
                R.id.phases,
                activity.getString(
                        R.string.phases,
                        Sentences.number(now.convert(), 1),
                        Sentences.number(now.network(), 1),
                        Sentences.number(now.decode(), 1)));
        double age = (System.nanoTime() - latest.arrivedNs()) / 1e6;
        set(
                R.id.state,
                activity.getString(
                        R.string.state,
                        computed(latest.card()),
                        Sentences.number(age, 0),
                        Sentences.ofHeat(activity.getResources(), heat)));
    }

    /**
     * Show the first thing that there is to say.
     *
     * @param trouble what keeps the camera's picture away; it comes first, with a button where
     *     there is a way out
     * @param others other messages, the most important first; empty ones are none
     */
    void showMessage(Trouble trouble, List<String> others) {
        String text = "";
        if (trouble != Trouble.NONE) text = activity.getString(Sentences.ofTrouble(trouble));
        for (String one : others) if (text.isEmpty()) text = one;
        set(R.id.message_text, text);
        show(R.id.message, !text.isEmpty());
        int remedy =
                switch (trouble) {
                    case NONE, NO_CAMERA -> 0;
                    case PERMISSION -> R.string.ask_again;
                    case PERMISSION_FOR_GOOD -> R.string.open_settings;
                    case TAKEN, LOST, DISABLED, FAILED -> R.string.try_again;
                };
        show(R.id.message_action, remedy != 0);
        if (remedy == 0) return;
        Button action = activity.findViewById(R.id.message_action);
        action.setText(remedy);
        action.setOnClickListener(view -> mend.accept(trouble));
    }

    private static String computed(ModelCard card) {
        String where = card.placement().isEmpty() ? "" : " · " + card.placement();
        return card.name() + " " + card.precisionUsed() + where;
    }

    private void set(int view, String text) {
        TextView line = activity.findViewById(view);
        if (!text.contentEquals(line.getText())) line.setText(text);
    }

    private void show(int view, boolean on) {
        activity.findViewById(view).setVisibility(on ? View.VISIBLE : View.GONE);
    }
}
