"""The C++ core for phones: so far the guarded MNN engine, and what links it to MNN's PyPI wheel."""
