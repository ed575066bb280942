"""The table of networks that are taken: one row each, for loading, training and the docs alike."""

from __future__ import annotations

from deepmark.models.recognition import dla34, hourglass, resnet
from deepmark.models.recognition.layout import Architecture, Family

FAMILIES: tuple[Family, ...] = (dla34.FAMILY, resnet.FAMILY, hourglass.FAMILY)

ARCHITECTURES: dict[str, Architecture] = {
    row.name: row for row in (*dla34.ARCHITECTURES, *resnet.ARCHITECTURES, *hourglass.ARCHITECTURES)
}
