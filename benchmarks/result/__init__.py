"""A measurement as one document: every sample, on what it was taken, and what follows from it."""
