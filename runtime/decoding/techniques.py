"""The paper's four techniques by their numbers (section 3.2): switched, and of use to a network or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from deepmark.errors import UsageError
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.schema import KeypointSchema

TECHNIQUES = frozenset((1, 2, 3, 4))
OF_LANDMARKS = frozenset((1, 3, 4))  # they read the landmark heatmap; technique 2 blurs the centre heatmap too


def default_params(schema: KeypointSchema, heads: Collection[str]) -> DecoderParams:
    """Give the parameters of a network that was not searched for better ones; all with soft-NMS.

    COCO's persons have the set that the paper publishes for them, other networks with landmarks the one for
    DeepFashion2 (section 4.2). What a network has no use for is off: without ``hm_hp`` the techniques of landmarks, and
    for boxes only, of which the paper says nothing, technique 2 as well.

    Args:
        schema: classes and landmarks of the network.
        heads: names of its heads.
    """
    if schema.boxes_only:
        return replace(DecoderParams.baseline(), nms="soft")
    params = DecoderParams.coco_person() if schema == KeypointSchema.coco_person() else DecoderParams()
    if "hm_hp" not in heads:
        params = replace(DecoderParams.baseline(), sigma_center=params.sigma_center)
    return replace(params, nms="soft")


def with_techniques(params: DecoderParams, chosen: Collection[int]) -> DecoderParams:
    """Switch the paper's techniques on and off.

    Those that are ``chosen`` keep their parameters, or have the paper's where they were off.

    1: score from landmarks too, Eq. (1). 2: blur of the heatmaps, Eq. (2). 3: mean of both positions, Eq. (3).
    4: landmark search under a mask, Eq. (4).
    """
    paper, off = DecoderParams(), DecoderParams.baseline()
    blurred = (params.sigma_center, params.sigma_keypoint) != (off.sigma_center, off.sigma_keypoint)
    sigmas = off if 2 not in chosen else params if blurred else paper
    return replace(
        params,
        alpha=_switched(params.alpha, off.alpha, paper.alpha, on=1 in chosen),
        sigma_center=sigmas.sigma_center,
        sigma_keypoint=sigmas.sigma_keypoint,
        gamma=_switched(params.gamma, off.gamma, paper.gamma, on=3 in chosen),
        mask=4 in chosen,
    )


def _switched(value: float, off: float, paper: float, *, on: bool) -> float:
    if not on:
        return off
    return paper if value == off else value


def require_use(techniques: Collection[int], heads: Collection[str], *, model: str) -> None:
    """Refuse techniques that could change nothing of what a network finds.

    Args:
        techniques: numbers of techniques that were asked for, 1 to 4.
        heads: names of the network's heads.
        model: name of the model in messages.

    Raises:
        UsageError: some of them work on landmark heatmaps, and the network has none.
    """
    useless = sorted(OF_LANDMARKS.intersection(techniques))
    if not useless or "hm_hp" in heads:
        return
    why = "it finds landmarks without a heatmap (hm_hp)" if "hps" in heads else "it finds boxes only"
    raise UsageError(
        f"{model} has no use for technique {', '.join(map(str, useless))}: {why}",
        hint="of the paper's techniques only 2 has a meaning for it: --techniques 2, or none",
    )
