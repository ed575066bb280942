"""What the network gives for one image: dense maps, or sparse heads with the weights to compute the rest."""
