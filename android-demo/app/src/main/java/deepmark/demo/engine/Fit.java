package deepmark.demo.engine;

/** The shape of the network's input. */
public enum Fit {
    /** Always the model's own size; what the picture does not reach is black. */
    SQUARE,
    /**
     * The picture's own shape, within that size: less to compute. A model that was made for one
     * size only keeps it.
     */
    RECT
}
