"""Refinement of landmarks that were found already (PoseFix): crop, graph, and back into the picture."""
