"""The networks, their checkpoints, the data sets, training and evaluation.

Importing this package imports no torch; `load_checkpoint` does when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmark.models.loading import LoadedNetwork as LoadedNetwork
    from deepmark.models.loading import load_checkpoint as load_checkpoint

__all__ = ["LoadedNetwork", "load_checkpoint"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from deepmark.models import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
