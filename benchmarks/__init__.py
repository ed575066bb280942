"""Speed and memory of models, on this computer and on a phone; only the commands import from here."""
