"""What a file's names and shapes say of its network, and what a family of networks must know to say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from deepmark.models.networks import KeypointNetwork
from deepmark.models.places import Place

Tensors = Mapping[str, Tensor]  # by the names of a file, or of a network


@dataclass(frozen=True, slots=True)
class NetworkBody:
    """A network without its heads.

    Attributes:
        architecture: name of `deepmark.models.recognition.architectures.ARCHITECTURES`.
        variant: letter of `deepmark.models.recognition.recognise`.
        place: what stands at the places of deformable convolutions; None for a network that has no such places.
        stacks: number of hourglasses; 1 for every other network.
    """

    architecture: str
    variant: str
    place: Place | None
    stacks: int = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole network.

    Attributes:
        body: the network without its heads.
        heads: number of channels of each head, in CenterNet's order.
        head_conv: number of channels inside the heads; 0 for heads of one convolution.
    """

    body: NetworkBody
    heads: dict[str, int]
    head_conv: int

    @property
    def architecture(self) -> str:
        """Name of the architecture."""
        return self.body.architecture

    @property
    def variant(self) -> str:
        """Letter of the variant."""
        return self.body.variant

    @property
    def classes(self) -> int:
        """Object classes."""
        return self.heads["hm"]

    @property
    def groups(self) -> int:
        """Landmark channels; 0 for a network that finds boxes only."""
        return self.heads.get("hps", 0) // 2


@dataclass(frozen=True, slots=True)
class Family:
    """Networks whose files look alike.

    Attributes:
        name: name in messages.
        marks: top-level names of tensors that every file of it has, and no other family's.
        parts: top-level names of tensors that are no heads.
        places: function that lists the tensors' places of deformable convolutions for a body, each the name of its
            weight without ``.weight``.
        read: function that tells the body of tensors under DCNv2's names, given the file's name for messages.
        build: function that builds the network of a layout.
        to_ours: function that gives tensors of a file the names of our network.
        to_file: function that gives a tensor of our network, by name, the name that CenterNet's files have.
        classifier: prefix of tensors of a pre-trained backbone's classifier, which no detector reads.
        unread: prefixes of tensors of our network that no forward pass reads.
        optional: prefixes of those among them that a file may lack.
    """

    name: str
    marks: frozenset[str]
    parts: frozenset[str]
    places: Callable[[NetworkBody], tuple[str, ...]]
    read: Callable[[Tensors, str], NetworkBody]
    build: Callable[[Layout], KeypointNetwork]
    to_ours: Callable[[Tensors, NetworkBody], dict[str, Tensor]]
    to_file: Callable[[str, NetworkBody], str]
    classifier: str
    unread: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Architecture:
    """One row of the table of architectures.

    Attributes:
        name: name in manifests and on the command line.
        centernet: name in CenterNet's ``--arch``; None where it has none.
        summary: the network in words.
        family: family that it belongs to.
        body: body that a training begins with.
        head_conv: channels inside CenterNet's heads of it.
        multiple: number of pixels that height and width of its input must be multiples of.
    """

    name: str
    centernet: str | None
    summary: str
    family: Family
    body: NetworkBody
    head_conv: int
    multiple: int
