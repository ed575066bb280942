"""Which of the paper's techniques (section 3.2) a network has a use for, and the parameters to begin with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from deepmark.errors import UsageError
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.schema import KeypointSchema

OF_LANDMARKS = (1, 3, 4)  # they read the landmark heatmap; technique 2 blurs the centre heatmap too


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


def require_use(techniques: Collection[int], heads: Collection[str], *, model: str) -> None:
    """Refuse techniques that could change nothing of what a network finds.

    Args:
        techniques: numbers of techniques that were asked for, 1 to 4.
        heads: names of the network's heads.
        model: name of the model in messages.

    Raises:
        UsageError: some of them work on landmark heatmaps, and the network has none.
    """
    useless = [number for number in OF_LANDMARKS if number in techniques]
    if not useless or "hm_hp" in heads:
        return
    why = "it finds landmarks without a heatmap (hm_hp)" if "hps" in heads else "it finds boxes only"
    raise UsageError(
        f"{model} has no use for technique {', '.join(map(str, useless))}: {why}",
        hint="of the paper's techniques only 2 has a meaning for it: --techniques 2, or none",
    )
