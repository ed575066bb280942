package deepmark.demo.engine;

/**
 * How the network's output becomes objects; may change with every picture.
 *
 * @param techniques the paper's four: bit 0 is technique 1. Those that are on have the bundle's
 *     parameters, or the paper's where the bundle has them off.
 * @param score least final score of an object, 0 to 1.
 */
public record Decoding(int techniques, double score) {
    public static final int ALL = 0b1111;

    public Decoding {
        if (techniques < 0 || techniques > ALL) {
            throw new IllegalArgumentException("techniques must be 0 to 15, found " + techniques);
        }
        if (!(score >= 0 && score <= 1)) {
            throw new IllegalArgumentException("score must be 0 to 1, found " + score);
        }
    }

    /**
     * Tells whether a technique is on.
     *
     * @param technique its number in the paper, 1 to 4.
     */
    public boolean has(int technique) {
        return (techniques & bit(technique)) != 0;
    }

    /**
     * Returns these parameters with a technique on or off.
     *
     * @param technique its number in the paper, 1 to 4.
     */
    public Decoding with(int technique, boolean on) {
        return new Decoding(on ? techniques | bit(technique) : techniques & ~bit(technique), score);
    }

    public Decoding withScore(double other) {
        return new Decoding(techniques, other);
    }

    private static int bit(int technique) {
        if (technique < 1 || technique > 4) {
            throw new IllegalArgumentException("a technique is 1 to 4, found " + technique);
        }
        return 1 << (technique - 1);
    }
}
