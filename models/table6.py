"""Table 6 of the paper: what the network, the techniques and the decoder cost at each resolution.

The network's column is counted by `deepmark.models.compute` in the paper's convention. The rest is arithmetic of the
decoder, counted by the formulas below, 1 per multiply-add; comparisons (maxima, sorting) count nothing, here as there.
The paper's figure for the techniques (0.0028 G at 256x256) is technique 2 alone: 9 multiply-adds per cell for each of
13 + 62 heatmaps of 64x64 cells. What else we do depends on the picture; it is counted for the most that a picture can
ask for, `OBJECTS` objects of the class with the most landmarks, and listed apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from deepmark.models.compute import network_cost
from deepmark.runtime.heads.maps import STRIDE

OBJECTS = 100  # K: every centre peak is decoded
CANDIDATES = 25  # cells of one landmark heatmap above the threshold: a peak of 5x5 cells

GAUSSIAN_3X3 = 9  # technique 2, Eq. (2), per cell and heatmap
MASKED_CANDIDATE = 5  # technique 4, Eq. (4): squared distance (2), exponent, exponential, product
BLENDED_POINT = 4  # technique 3, Eq. (3): gamma * refined + (1 - gamma) * coarse, for x and y
BLENDED_SCORE = 2  # technique 1, Eq. (1), beside one addition per landmark for the mean
BOX = 6  # centre (2) and corners (4)
LANDMARK = 6  # coarse (2) and refined position (2), squared distance (2)
MAPPED_POINT = 2  # inverse affine, x and y
OVERLAP = 8  # of two boxes with Gaussian decay: two areas, intersection, quotient, decay


@dataclass(frozen=True, slots=True)
class Table6Row:
    """One resolution; operations for one image.

    Attributes:
        height: height of the network's input, in pixels.
        width: width of the network's input, in pixels.
        inference: operations of the network, in the paper's convention.
        gaussian: operations of technique 2, as the paper counts it.
        other_techniques: operations of techniques 1, 3 and 4, as we count them.
        decode: operations of decoding without techniques and of soft-NMS, as we count them.
        total: sum of all operations.
    """

    height: int
    width: int
    inference: int
    gaussian: int
    other_techniques: int
    decode: int
    total: int


def table6_row(network: nn.Module, size: tuple[int, int], *, heatmaps: int, landmarks: int) -> Table6Row:
    """Count one resolution.

    Args:
        network: mDLA-34 or dlav0_34, a network that `deepmark.models.compute.follows_the_paper` knows.
        size: height and width of its input, in pixels.
        heatmaps: number of channels of ``hm`` and ``hm_hp`` together.
        landmarks: number of landmarks of the class that has most.
    """
    height, width = size
    cells = (height // STRIDE) * (width // STRIDE)
    objects = min(OBJECTS, cells)
    inference = network_cost(network, size).total.paper
    assert inference is not None, "a network that the paper counts"
    gaussian = GAUSSIAN_3X3 * heatmaps * cells
    others = _other_techniques(objects, landmarks)
    decode = _decode(objects, landmarks)
    return Table6Row(height, width, inference, gaussian, others, decode, inference + gaussian + others + decode)


def _other_techniques(objects: int, landmarks: int) -> int:
    per_landmark = CANDIDATES * MASKED_CANDIDATE + BLENDED_POINT + 1  # 1: the sum of Eq. (1)
    return objects * (landmarks * per_landmark + BLENDED_SCORE)


def _decode(objects: int, landmarks: int) -> int:
    per_object = BOX + landmarks * (LANDMARK + MAPPED_POINT) + 2 * MAPPED_POINT
    return objects * per_object + OVERLAP * objects * (objects - 1) // 2
