"""The decoder's parameters: the paper's four techniques and the choices that it leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from deepmark.errors import DataError

Nms = Literal["soft", "hard"]

SHOWN_SCORE = 0.3  # objects with a lower final score are shown only to those who ask for them


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderParams:
    """How heads become detections. The defaults are the paper's published DeepFashion2 set (section 4.2).

    Attributes:
        alpha: weight of the centre score against the mean landmark score, Eq. (1), in [0, 1].
        sigma_center: sigma of the 3x3 Gaussian on ``hm``, Eq. (2), in cells, >= 0; 0 leaves the map as it is.
        sigma_keypoint: sigma of the 3x3 Gaussian on ``hm_hp``, Eq. (2), in cells, >= 0; 0 leaves the map as it is.
        gamma: weight of the refined against the coarse position, Eq. (3), in [0, 1].
        mask: technique 4, Eq. (4): the landmark is the maximum of the heatmap under a Gaussian around the coarse
            position; otherwise the local maximum nearest to the coarse position (CenterNet).
        top_k: number of centre peaks that are decoded, >= 1 (K in the paper); without technique 4 also the number of
            local maxima of each landmark map that are looked at (CenterNet).
        keypoint_threshold: value that a landmark's heatmap must exceed, in (0, 1).
        nms: suppression per class: ``"soft"`` (Gaussian, the paper's) or ``"hard"``; None for none.
        score_threshold: floor on the final score; objects that cannot reach it are skipped exactly.
        border: how Eq. (2) reads beyond the map: ``"zero"`` or the nearest cell (``"replicate"``).
        threshold_on: whether ``keypoint_threshold`` is held against the blurred and masked value (``"rescored"``) or
            against the network's own (``"raw"``).
        unrefined: whether landmarks without a heatmap peak count as 0 in the mean of Eq. (1) (``"zero"``) or not at all
            (``"skip"``).
        nms_iou: IoU above which ``"hard"`` removes a box; not used by the Gaussian.
        nms_sigma: width of the Gaussian of ``"soft"``, > 0, in squared IoU.
        nms_score: score below which ``"soft"`` removes a decayed object.
    """

    alpha: float = 0.8
    sigma_center: float = 0.45
    sigma_keypoint: float = 0.9
    gamma: float = 0.75
    mask: bool = True
    top_k: int = 100
    keypoint_threshold: float = 0.1
    nms: Nms | None = None
    score_threshold: float = 0.0
    border: Literal["zero", "replicate"] = "zero"
    threshold_on: Literal["rescored", "raw"] = "rescored"
    unrefined: Literal["zero", "skip"] = "zero"
    nms_iou: float = 0.5
    nms_sigma: float = 0.5
    nms_score: float = 0.001

    def __post_init__(self) -> None:
        """Refuse values outside their ranges.

        Raises:
            DataError: names the parameter, its range and the value.
        """
        self._require("alpha", 0 <= self.alpha <= 1, "in [0, 1]")
        self._require("gamma", 0 <= self.gamma <= 1, "in [0, 1]")
        self._require("sigma_center", 0 <= self.sigma_center < math.inf, "finite and >= 0")
        self._require("sigma_keypoint", 0 <= self.sigma_keypoint < math.inf, "finite and >= 0")
        self._require("top_k", self.top_k >= 1, ">= 1")
        self._require("keypoint_threshold", 0 < self.keypoint_threshold < 1, "in (0, 1)")
        self._require("score_threshold", 0 <= self.score_threshold <= 1, "in [0, 1]")
        self._require("nms", self.nms in {None, "soft", "hard"}, "'soft', 'hard' or None")
        self._require("border", self.border in {"zero", "replicate"}, "'zero' or 'replicate'")
        self._require("threshold_on", self.threshold_on in {"rescored", "raw"}, "'rescored' or 'raw'")
        self._require("unrefined", self.unrefined in {"zero", "skip"}, "'zero' or 'skip'")
        self._require("nms_iou", 0 < self.nms_iou <= 1, "in (0, 1]")
        self._require("nms_sigma", 0 < self.nms_sigma < math.inf, "finite and > 0")
        self._require("nms_score", 0 <= self.nms_score <= 1, "in [0, 1]")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise DataError(f"decoder parameter {name} must be {expected}, found {getattr(self, name)!r}")

    @classmethod
    def baseline(cls) -> DecoderParams:
        """CenterNet's own decoding: all four techniques off."""
        return cls(alpha=1.0, sigma_center=0.0, sigma_keypoint=0.0, gamma=1.0, mask=False)

    @classmethod
    def coco_person(cls) -> DecoderParams:
        """The paper's published set for COCO's persons and DLA-34 (section 4.2)."""
        return cls(alpha=0.75, sigma_center=0.25, sigma_keypoint=0.65, gamma=0.8)
