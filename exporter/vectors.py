"""Golden vectors: network inputs with what the network gave for them, by which any machine can prove a bundle.

Whoever gives the values, torch in fp32 and MNN in other precisions, computes them with ONE thread
(`deepmark.exporter.stages.THREADS`), as MNN's results depend on the number; who verifies may use more.

``vectors/N.png`` is the network's input, 8-bit BGR, letterboxed; ``vectors/N.json`` what belongs to it: a seeded choice
of values of each head (whole heads would be megabytes), and every object that may have to have a partner. A vector has
the size of its own picture: the first ones have the model's, and the last one of a model for all sizes has the shape
of a 3:4 picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from deepmark.errors import BundleError
from deepmark.exporter.objects import SCORE_FLOOR, Objects
from deepmark.exporter.parity import ParitySample
from deepmark.exporter.pictures import ParityPicture
from deepmark.runtime.arrays import F32
from deepmark.runtime.bundle import OpenedBundle
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import HeadsSpec

FOLDER = "vectors"
COUNT = 3  # of the model's own size: two pictures and the noise
POSITIONS = 256  # values of each head
SEED = 20200407
STORED_FROM = SCORE_FLOOR / 2  # an object just above the floor elsewhere may lie just below it here


class HeadValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some values of one head.

    Attributes:
        positions: flat indices into (C, H/4, W/4).
        values: values that the network gave there, activated as the manifest says.
        scale: largest absolute value of the whole head.
    """

    positions: list[int]
    values: list[float]
    scale: float


class ObjectValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object, in cells, before suppression; the names are those of `Detections`.

    Attributes:
        cell: x, y of the heatmap cell that it comes from.
        box: x1, y1, x2, y2 in cells.
        keypoints: x, y of the first landmark, of the second, and so on, in cells.
    """

    class_id: int
    cell: list[int]
    score: float
    box_score: float
    box: list[float]
    keypoints: list[float]
    keypoint_scores: list[float]
    refined: list[bool]
    keypoints_score: float


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``N.json``; ``picture`` is the name of what the input was made from."""

    picture: str
    heads: dict[str, HeadValues]
    objects: list[ObjectValues]


def golden(pictures: Sequence[ParityPicture], size: tuple[int, int]) -> list[ParityPicture]:
    """Choose those pictures that become golden vectors.

    They are the first ones and the last (noise) of the exported ``size`` (height, width), then one of another.
    """
    own = [picture for picture in pictures if picture.image.shape[:2] == size]
    others = [picture for picture in pictures if picture.image.shape[:2] != size]
    return [*own[: COUNT - 1], *own[COUNT - 1 :][-1:], *others[:1]]


def encode_vector(number: int, picture: ParityPicture, sample: ParitySample) -> dict[str, bytes]:
    """Return the two files of a golden vector, by their names in the bundle."""
    _, png = cv2.imencode(".png", picture.image)
    heads = {name: _choose(number, head, sample.scales[name]) for name, head in sample.outputs.items()}
    expected = Expected(picture.name, heads, _object_values(sample.objects))
    return {
        f"{FOLDER}/{number}.png": png.tobytes(),
        f"{FOLDER}/{number}.json": msgspec.json.encode(expected) + b"\n",
    }


def _choose(number: int, head: F32, scale: float) -> HeadValues:
    random = np.random.default_rng([SEED, number])
    positions = np.sort(random.choice(head.size, size=min(POSITIONS, head.size), replace=False))
    return HeadValues(positions.tolist(), _short(head.ravel()[positions]), scale)


def _short(values: F32) -> list[float]:
    """Return float32 values as the shortest decimals that read back as the same float32."""
    return [float(str(value)) for value in values.astype(np.float32).ravel()]


def _object_values(objects: Objects) -> list[ObjectValues]:
    found = objects.detections
    return [
        ObjectValues(
            class_id=int(found.class_ids[i]),
            cell=objects.cells[i].tolist(),
            score=_short(found.scores[i : i + 1])[0],
            box_score=_short(found.box_scores[i : i + 1])[0],
            box=_short(found.boxes[i]),
            keypoints=_short(found.keypoints[i]),
            keypoint_scores=_short(found.keypoint_scores[i]),
            refined=found.refined[i].tolist(),
            keypoints_score=_short(found.keypoints_score[i : i + 1])[0],
        )
        for i in range(len(found))
        if found.scores[i] >= STORED_FROM
    ]


def replace_objects(document: bytes, objects: Objects) -> bytes:
    """Return a vector's JSON with other objects: those of its heads under other decoder parameters."""
    expected = msgspec.json.decode(document, type=Expected)
    return msgspec.json.encode(msgspec.structs.replace(expected, objects=_object_values(objects))) + b"\n"


class GoldenVector:
    """One vector read from a bundle.

    Attributes:
        picture: the network's input.
        expected: values that the network gave; its ``outputs`` hold the chosen values only, so it has no whole heads.
    """

    def __init__(self, picture: ParityPicture, expected: Expected) -> None:
        self.picture = picture
        self._positions = {name: np.array(head.positions, np.int64) for name, head in expected.heads.items()}
        values = {name: np.array(head.values, np.float32) for name, head in expected.heads.items()}
        scales = {name: head.scale for name, head in expected.heads.items()}
        self.expected = ParitySample(values, scales, _objects(expected.objects), None)

    def choose(self, sample: ParitySample) -> ParitySample:
        """Reduce what an engine gave to the values that are known."""
        outputs = {name: sample.outputs[name].ravel()[where] for name, where in self._positions.items()}
        return replace(sample, outputs=outputs)


def read_vectors(model: OpenedBundle) -> list[GoldenVector]:
    """Read and check the golden vectors of an opened bundle.

    Raises:
        BundleError: it has none, or one is not what it must be.
    """
    numbers = sorted(
        name[len(FOLDER) + 1 : -5] for name in model.entries if name.startswith(f"{FOLDER}/") and name.endswith(".json")
    )
    if not numbers:
        raise BundleError(f"{model.path} has no golden vectors", hint="verify a bundle, not a bare model file")
    return [_read(model, number) for number in numbers]


def _read(model: OpenedBundle, number: str) -> GoldenVector:
    name = f"{FOLDER}/{number}.json"
    try:
        expected = msgspec.json.decode(model.read(name), type=Expected)
    except msgspec.MsgspecError as error:
        raise BundleError(
            f"{model.path}: {name} is no golden vector: {error}", hint="export the model again"
        ) from error
    image = cv2.imdecode(np.frombuffer(model.read(f"{FOLDER}/{number}.png"), np.uint8), cv2.IMREAD_COLOR)
    fault = (
        "its picture cannot be read"
        if image is None
        else _fault(expected, image.shape, model.manifest.heads, model.manifest.keypoints)
    )
    if fault:
        raise BundleError(f"{model.path}: {name} does not fit the model: {fault}", hint="export the model again")
    return GoldenVector(ParityPicture(expected.picture, np.asarray(image, np.uint8)), expected)


def _fault(expected: Expected, shape: tuple[int, ...], spec: HeadsSpec, schema: KeypointSchema) -> str | None:
    channels = spec.tensors
    if expected.heads.keys() != channels.keys():
        return f"it has the heads {', '.join(expected.heads)}"
    cells = (shape[0] // spec.stride) * (shape[1] // spec.stride)
    for name, head in expected.heads.items():
        if len(head.positions) != len(head.values) or not head.positions:
            return f"{name} has {len(head.positions)} positions and {len(head.values)} values"
        if not 0 <= min(head.positions) <= max(head.positions) < channels[name] * cells:
            return f"{name} has a position outside the map"
    for number, one in enumerate(expected.objects):
        known = 0 <= one.class_id < len(schema.classes)
        landmarks = len(schema.groups[one.class_id]) if known else 0
        lengths = (len(one.cell), len(one.box), len(one.keypoints), len(one.keypoint_scores), len(one.refined))
        if not known or lengths != (2, 4, 2 * landmarks, landmarks, landmarks):
            return f"object {number} is of no class of the schema"
    return None


def _objects(values: list[ObjectValues]) -> Objects:
    def column(name: str, shape: tuple[int, ...], dtype: type[Any] = np.float32) -> npt.NDArray[Any]:
        return np.array([getattr(one, name) for one in values], dtype).reshape(shape)

    detections = Detections(
        class_ids=column("class_id", (-1,), np.int64),
        scores=column("score", (-1,)),
        box_scores=column("box_score", (-1,)),
        boxes=column("box", (-1, 4)),
        keypoints=tuple(np.array(one.keypoints, np.float32).reshape(-1, 2) for one in values),
        keypoint_scores=tuple(np.array(one.keypoint_scores, np.float32) for one in values),
        refined=tuple(np.array(one.refined, bool) for one in values),
        keypoints_score=column("keypoints_score", (-1,)),
    )
    return Objects(detections, column("cell", (-1, 2), np.int64))
