"""The Android app with a user's models in it: project, package, signature, checks."""
