"""Libraries that only some commands need, and that `pip install deepmark-export` alone does not bring."""

from __future__ import annotations

import importlib.util

from deepmark.errors import DeepMarkError


def require(what: str, *modules: str, extra: str) -> None:
    """Make sure that libraries are installed, without importing them.

    Args:
        what: begins the error, for example ``"exporting"``.
        modules: names to import them by.
        extra: Name of this package's extra that brings them.

    Raises:
        DeepMarkError: names those that are missing.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise DeepMarkError(f"{what} needs {', '.join(missing)}", hint=f"pip install 'deepmark-export[{extra}]'")
