"""Names and channels of the network's heads; no torch.

`deepmark.runtime.heads.maps` says what each head means.
"""

from __future__ import annotations

from collections.abc import Collection

HEAD_ORDER = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")  # CenterNet's
LANDMARK_HEADS = ("hps", "hm_hp", "hp_offset")  # a network that finds boxes only has none of them
OPTIONAL_HEADS = ("reg", "hm_hp", "hp_offset")  # CenterNet trains without each of them on request

LAYOUTS = {  # of an exported graph
    "dense": "every head as a whole map",
    "sparse": "the two heatmaps and the features; the other heads are computed where they are read",
}
DEFAULT_LAYOUT = "sparse"  # exact, and faster in every engine (decision 8)
FEATURES = "features"  # the output that a sparse graph has in place of these:
GATHERED_HEADS = ("wh", "hps", "reg", "hp_offset")
JOINED = "heads"  # the one output in which a graph for a GPU gives all others


def head_channels(classes: int, groups: int, *, optional: Collection[str] = OPTIONAL_HEADS) -> dict[str, int]:
    """Return the channels of each head of a network with these counts, in order.

    >>> head_channels(13, 62)
    {'hm': 13, 'wh': 2, 'hps': 124, 'reg': 2, 'hm_hp': 62, 'hp_offset': 2}
    >>> head_channels(80, 0)
    {'hm': 80, 'wh': 2, 'reg': 2}

    Args:
        classes: number of object classes, one channel of the centre heatmap each.
        groups: number of landmark groups; ``hps`` has x and y for each. 0 for boxes only: none of `LANDMARK_HEADS`.
        optional: names of those of `OPTIONAL_HEADS` that the network has.
    """
    channels = {"hm": classes, "wh": 2, "hps": 2 * groups, "reg": 2, "hm_hp": groups, "hp_offset": 2}
    return {
        name: channels[name]
        for name in HEAD_ORDER
        if (name in optional or name not in OPTIONAL_HEADS) and (groups or name not in LANDMARK_HEADS)
    }


def shown_counts(classes: int, groups: int) -> str:
    """Say how many classes and landmark groups there are.

    >>> shown_counts(1, 17)
    '1 class and 17 landmark groups'
    >>> shown_counts(80, 0)
    '80 classes and no landmarks'
    """
    landmarks = f"{groups} landmark group{'s' * (groups > 1)}" if groups else "no landmarks"
    return f"{classes} class{'es' * (classes > 1)} and {landmarks}"
