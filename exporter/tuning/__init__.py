"""The search for the decoder's parameters on the heads of an exported model."""
