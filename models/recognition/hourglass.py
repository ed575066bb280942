"""Files of Hourglass-104 with one or two stacks.

Of CenterNet's names only the heads' differ from ours: ``H.s.0.conv.*`` and ``H.s.1.*`` for head H of stack s.
"""

from __future__ import annotations

import re

from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.models.hourglass import HEAD_CONV, STACKS, WIDTHS, Hourglass
from deepmark.models.networks import KeypointNetwork
from deepmark.models.recognition.layout import Architecture, Family, Layout, NetworkBody, Tensors
from deepmark.runtime.keypoints.head_names import HEAD_ORDER

EVERY_STACK = ("kps", "cnvs")  # parts that each stack has one of
BETWEEN = ("inters", "inters_", "cnvs_")  # parts that stand between two stacks

_THEIRS = re.compile(r"(\w+)\.(\d+)\.(?:0\.conv|1)\.(weight|bias)")
_OURS = re.compile(r"(?:earlier\.(\d+)\.)?(\w+)\.([02])\.(weight|bias)")


def _read(tensors: Tensors, source: str) -> NetworkBody:
    stacks = _stacks(tensors, source)
    widths = _widths(tensors)
    if widths != WIDTHS:
        raise CheckpointError(
            f"{source} has an hourglass of widths {', '.join(map(str, widths)) or 'unknown'}; Hourglass-104 has"
            f" {', '.join(map(str, WIDTHS))}",
            hint="only CenterNet's Hourglass-104 is supported: train with arch hourglass",
        )
    return NetworkBody("hourglass104", "S", None, stacks)


def _stacks(tensors: Tensors, source: str) -> int:
    """Count the stacks of every part; all must say the same."""
    counts = {part: _count(tensors, part) for part in EVERY_STACK}
    counts |= {part: _count(tensors, part) + 1 for part in BETWEEN}
    counts |= {head: _count(tensors, head) for head in HEAD_ORDER if any(n.startswith(f"{head}.") for n in tensors)}
    if len(set(counts.values())) > 1:
        most = max(counts.values())
        short = [f"{part} of {count}" for part, count in counts.items() if count < most]
        raise CheckpointError(
            f"{source} has parts of {most} stacks, but {', '.join(short)}: tensors are missing",
            hint="give the whole checkpoint; a stack that was cut off must be cut off everywhere",
        )
    return counts["kps"]


def _count(tensors: Tensors, part: str) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith(f"{part}.")})


def _widths(tensors: Tensors) -> tuple[int, ...]:
    """Return the channels at strides 4, 8 ... of the first stack."""
    widths, level = [], "kps.0."
    while (up := tensors.get(f"{level}up1.0.conv1.weight")) is not None:
        widths.append(int(up.shape[0]))
        low = tensors.get(f"{level}low1.0.conv1.weight")
        level += "low2."
    return (*widths, int(low.shape[0])) if widths and low is not None else tuple(widths)


def _build(layout: Layout) -> KeypointNetwork:
    return Hourglass(layout.heads, head_conv=layout.head_conv, stacks=layout.body.stacks)


def _to_ours(tensors: Tensors, body: NetworkBody) -> dict[str, Tensor]:
    """Rename the heads: those of the last stack are the network's, the others stand in ``earlier``."""
    return {_our_name(name, body.stacks): tensor for name, tensor in tensors.items()}


def _our_name(name: str, stacks: int) -> str:
    found = _THEIRS.fullmatch(name)
    if not found or found[1] in FAMILY.parts:
        return name
    head, stack, kind = found.groups()
    earlier = "" if int(stack) == stacks - 1 else f"earlier.{stack}."
    return f"{earlier}{head}.{0 if '.0.conv.' in name else 2}.{kind}"


def _to_file(name: str, body: NetworkBody) -> str:
    found = _OURS.fullmatch(name)
    if not found or found[2] in FAMILY.parts:
        return name
    stack, head, layer, kind = found.groups()
    return f"{head}.{body.stacks - 1 if stack is None else stack}.{'0.conv' if layer == '0' else '1'}.{kind}"


FAMILY = Family(
    name="Hourglass",
    marks=frozenset(("kps", "cnvs")),
    parts=frozenset(("pre", *EVERY_STACK, *BETWEEN, "earlier")),
    places=lambda _body: (),
    read=_read,
    build=_build,
    to_ours=_to_ours,
    to_file=_to_file,
    classifier="fc.",
    unread=("earlier.",),
)

ARCHITECTURES = (
    Architecture(
        "hourglass104",
        "hourglass",
        "Hourglass-104, two stacks (one: an edited CenterNet)",
        FAMILY,
        NetworkBody("hourglass104", "S", None, STACKS),
        HEAD_CONV,
        Hourglass.multiple,
    ),
)
