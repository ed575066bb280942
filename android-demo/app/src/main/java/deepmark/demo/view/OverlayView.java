package deepmark.demo.view;

import android.content.Context;
import android.graphics.Canvas;
import android.util.AttributeSet;
import android.view.View;

import deepmark.demo.engine.Found;

/** The drawing over a camera's picture; transparent where nothing was found. */
public final class OverlayView extends View {
    private final OverlayPainter painter = new OverlayPainter();
    private Found found;
    private ModelCard card;
    private FrameGeometry geometry;

    public OverlayView(Context context, AttributeSet attributes) {
        super(context, attributes);
        setWillNotDraw(false);
    }

    /** Show objects, at the display's next refresh. */
    public void show(Found objects, ModelCard model, FrameGeometry where) {
        found = objects;
        card = model;
        geometry = where;
        invalidate();
    }

    /** Show nothing. */
    public void clear() {
        found = null;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (found == null
                || geometry.viewWidth() != getWidth()
                || geometry.viewHeight() != getHeight()) return;
        painter.draw(canvas, found, card, geometry, getResources().getDisplayMetrics().density);
    }
}
