"""Golden vectors of a refiner: inputs with what the network gave for them, by which any machine can prove a bundle.

``vectors/N.png`` is the part of a picture, ``vectors/N.json`` the pose and the landmarks that the network in fp32 gave.
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from deepmark.errors import BundleError
from deepmark.exporter.refinement.poses import PosedCrop
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.refinement.refiner_bundle import OpenedRefiner

FOLDER = "vectors"


class RefinedPose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pose.

    Attributes:
        channels: channels that are given.
        pose: x, y of each of them, in pixels of the crop.
        points: x, y of each of them as the network gave it.
    """

    channels: list[int]
    pose: list[tuple[float, float]]
    points: list[tuple[float, float]]


def encode_pose(number: int, crop: PosedCrop, points: F32) -> dict[str, bytes]:
    """Return the two files of a golden vector, by their names in the bundle."""
    _, png = cv2.imencode(".png", crop.image)
    channels = np.flatnonzero(crop.pose[:, 2])
    document = RefinedPose(channels.tolist(), _pairs(crop.pose[channels, :2]), _pairs(points[channels]))
    return {
        f"{FOLDER}/{number}.png": png.tobytes(),
        f"{FOLDER}/{number}.json": msgspec.json.encode(document) + b"\n",
    }


def _pairs(points: F32) -> list[tuple[float, float]]:
    """Return float32 values as the shortest decimals that read back as the same float32."""
    return [(float(str(x)), float(str(y))) for x, y in points.astype(np.float32)]


def read_poses(model: OpenedRefiner) -> list[tuple[PosedCrop, list[int], F64]]:
    """Read the golden vectors of a bundle: input, channels that are given, and their landmarks.

    Raises:
        BundleError: it has none, or one does not fit the refiner.
    """
    names = sorted(name for name in model.manifest.files if name.startswith(f"{FOLDER}/") and name.endswith(".json"))
    if not names:
        raise BundleError(f"{model.path} has no golden vectors", hint="export the refiner again")
    return [_read(model, name) for name in names]


def _read(model: OpenedRefiner, name: str) -> tuple[PosedCrop, list[int], F64]:
    try:
        document = msgspec.json.decode(model.read(name), type=RefinedPose)
        content = model.read(f"{name.removesuffix('.json')}.png")
    except (msgspec.MsgspecError, KeyError, OSError) as error:
        raise BundleError(f"{model.path}: {name} is no golden vector: {error}", hint="export it again") from error
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    size, count = model.manifest.input, model.manifest.num_channels
    fits = (
        image is not None
        and image.shape == (size.height, size.width, 3)
        and len(document.channels) == len(document.pose) == len(document.points) > 0
        and all(0 <= at < count for at in document.channels)
    )
    if not fits:
        raise BundleError(f"{model.path}: {name} does not fit the refiner", hint="export it again")
    pose = np.zeros((count, 3), np.float32)
    pose[document.channels, :2], pose[document.channels, 2] = document.pose, 1
    return PosedCrop(np.asarray(image, np.uint8), pose), document.channels, np.array(document.points)
