package deepmark.demo.view;

/**
 * One fixed colour a class, the same as in the pictures that {@code deepmark detect} draws
 * (runtime/drawing/palette.py).
 */
final class Palette {
    static final int HALO = 0xFF12141A;
    static final int DARK_INK = 0xFF08090C;
    static final int LIGHT_INK = 0xFFFFFFFF;

    private static final int[] CLASSES = {
        0xFF298FBA,
        0xFFF4B53B,
        0xFF42F296,
        0xFFD7528B,
        0xFF84F3F1,
        0xFFBC89F6,
        0xFFD35010,
        0xFF1EC1B9,
        0xFFE0E92D,
        0xFF7A6AE4,
        0xFFF18C85,
        0xFFA7A208,
        0xFF8FC5FF,
    };

    private Palette() {}

    /** Return the colour of a class; a model with more than thirteen classes begins again. */
    static int ofClass(int classId) {
        return CLASSES[classId % CLASSES.length];
    }

    /** Return the text colour, dark or white, with the higher contrast on this one (WCAG 2). */
    static int inkOn(int colour) {
        return contrast(DARK_INK, colour) >= contrast(LIGHT_INK, colour) ? DARK_INK : LIGHT_INK;
    }

    static double contrast(int one, int other) {
        double first = luminance(one);
        double second = luminance(other);
        return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    }

    private static double luminance(int colour) {
        return 0.2126 * linear(colour >> 16 & 255)
                + 0.7152 * linear(colour >> 8 & 255)
                + 0.0722 * linear(colour & 255);
    }

    private static double linear(int value) {
        double share = value / 255.0;
        return share <= 0.04045 ? share / 12.92 : Math.pow((share + 0.055) / 1.055, 2.4);
    }
}
