"""What the network gives for one image: six maps at a quarter of the input's resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.models.heads import HEAD_ORDER

STRIDE = 4  # input pixels per heatmap cell
PROBABILITY_HEADS = ("hm", "hm_hp")  # a sigmoid belongs to these

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The network's heads for one image, (C, H, W) float32 with H = input height / 4 and W = input width / 4.

    Attributes:
        hm: (classes, H, W) centre heatmap, probabilities in [0, 1].
        wh: (2, H, W) box width and height in cells.
        hps: (2 * groups, H, W) landmark minus integer centre in cells; channels alternate x, y.
        reg: (2, H, W) sub-cell offset x, y of the centre, or None.
        hm_hp: (groups, H, W) landmark heatmap, probabilities in [0, 1], or None.
        hp_offset: (2, H, W) sub-cell offset x, y of a landmark, shared by all groups, or None.
    """

    hm: FloatArray
    wh: FloatArray
    hps: FloatArray
    reg: FloatArray | None = None
    hm_hp: FloatArray | None = None
    hp_offset: FloatArray | None = None

    def __post_init__(self) -> None:
        """Refuse maps that do not belong together.

        Raises:
            DataError: a head is not a (C, H, W) float32 array, or its channels or cells do not fit the others.
        """
        expected_channels = {"wh": 2, "reg": 2, "hp_offset": 2}
        for name in HEAD_ORDER:
            head = getattr(self, name)
            if head is None:
                continue
            if not isinstance(head, np.ndarray) or head.ndim != 3 or head.dtype != np.float32:
                found = f"{head.dtype} {head.shape}" if isinstance(head, np.ndarray) else type(head).__name__
                raise DataError(f"head {name!r} must be a float32 array (C, H, W), found {found}")
            if head.shape[1:] != self.hm.shape[1:]:
                raise DataError(f"head {name!r} has {head.shape[1:]} cells, but hm has {self.hm.shape[1:]}")
            if head.shape[0] != expected_channels.get(name, head.shape[0]):
                raise DataError(f"head {name!r} must have {expected_channels[name]} channels, found {head.shape[0]}")
        if self.hps.shape[0] % 2:
            raise DataError(f"head 'hps' must have an even number of channels (x, y), found {self.hps.shape[0]}")
        if self.hm_hp is not None and self.hps.shape[0] != 2 * self.hm_hp.shape[0]:
            raise DataError(f"head 'hps' must have 2 * {self.hm_hp.shape[0]} channels, found {self.hps.shape[0]}")


def heads_from_outputs(outputs: Mapping[str, FloatArray], *, logits: bool) -> Heads:
    """Make the decoder's input of a graph's outputs.

    Args:
        outputs: name -> (C, H, W).
        logits: whether ``hm`` and ``hm_hp`` come without their sigmoid.

    Raises:
        DataError: the maps do not belong together.
    """
    if logits:
        outputs = {name: sigmoid(head) if name in PROBABILITY_HEADS else head for name, head in outputs.items()}
    return Heads(**outputs)


def sigmoid(logits: FloatArray) -> FloatArray:
    """Turn logits into probabilities, elementwise."""
    with np.errstate(over="ignore"):  # exp overflows to infinity below -88: the quotient is then 0, as it should be
        return np.float32(1) / (np.float32(1) + np.exp(-logits))
