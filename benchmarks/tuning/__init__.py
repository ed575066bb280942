"""The search for the four techniques' parameters on labelled pictures, from heads that were computed once."""
