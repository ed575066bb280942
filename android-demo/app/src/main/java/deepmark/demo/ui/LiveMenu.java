package deepmark.demo.ui;

import android.app.Activity;
import android.content.Intent;
import android.view.View;
import android.widget.PopupMenu;

import deepmark.demo.R;

/** The first screen's menu: the screens that are seldom needed. */
final class LiveMenu {
    private LiveMenu() {}

    /** Show it below a view. */
    static void show(Activity from, View anchor) {
        PopupMenu menu = new PopupMenu(from, anchor);
        add(menu, R.string.self_test, from, SelfTestActivity.class);
        add(menu, R.string.benchmark, from, BenchmarkActivity.class);
        add(menu, R.string.search, from, SearchActivity.class);
        add(menu, R.string.about, from, AboutActivity.class);
        menu.show();
    }

    private static void add(
            PopupMenu menu, int title, Activity from, Class<? extends Activity> target) {
        menu.getMenu()
                .add(title)
                .setOnMenuItemClickListener(
                        item -> {
                            from.startActivity(new Intent(from, target));
                            return true;
                        });
    }
}
