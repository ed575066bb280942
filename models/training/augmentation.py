"""A picture as it is shown in training: mirrored or not, zoomed and shifted, in other light; after CenterNet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepmark.models.training.pictures import Label
from deepmark.models.training.targets import TargetGarment
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.transform import Letterbox

# CenterNet's, at strength 1:
ZOOM = (0.6, 1.4)  # longer side of what is shown / of the picture: below 1 enlarges
CENTRE_MARGIN = 128  # pixels from the rim that the shown centre keeps, less in small pictures
COLOUR = 0.4  # largest change of brightness, contrast and saturation
LIGHTING = 0.1  # sigma of the change along the principal components of the colours

# Of the colours of ImageNet, in BGR and [0, 1]; CenterNet's numbers.
_EIGENVALUES = np.array([0.2141788, 0.01817699, 0.00341571])
_EIGENVECTORS = np.array(
    [
        [-0.58752847, -0.69563484, 0.41340352],
        [-0.5832747, 0.00994535, -0.81221408],
        [-0.56089297, 0.71832671, 0.41158938],
    ]
)
_GREY = np.array([0.114, 0.587, 0.299], np.float32)  # ITU-R BT.601, BGR


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is shown.

    Attributes:
        letterbox: placement of the picture, mirrored already if so, in the network's input.
        mirrored: whether left and right are exchanged first.
    """

    letterbox: Letterbox
    mirrored: bool = False


def random_view(
    rng: np.random.Generator, image_hw: tuple[int, int], input_hw: tuple[int, int], strength: float = 1.0
) -> View:
    """Choose a view: mirrored every other time, zoomed by `ZOOM`, its centre anywhere but near the rim.

    An input of the picture's own shape is the square's without what would mostly be black: the same scale, the same
    centre.

    Args:
        rng: source of chance; as much is taken from it at every strength.
        image_hw: height and width of the picture, in pixels.
        input_hw: height and width of the network's input, in pixels.
        strength: 1 for CenterNet's zoom and shift, 0 for the whole picture in the middle.
    """
    height, width = image_hw
    zoom = 1 + strength * (rng.uniform(*ZOOM) - 1)
    box = Letterbox(
        scale=max(input_hw) / (max(height, width) * zoom),
        image_centre=(_random_centre(rng, width, strength), _random_centre(rng, height, strength)),
        input_centre=(input_hw[1] / 2, input_hw[0] / 2),
    )
    return View(box, mirrored=bool(rng.random() < 0.5))


def _random_centre(rng: np.random.Generator, side: int, strength: float) -> float:
    """Choose a pixel along one side, not nearer to its ends than the margin, halved until there is room.

    With less strength it lies nearer to the middle.
    """
    margin = CENTRE_MARGIN
    while side - margin <= margin:
        margin //= 2
    middle = side / 2
    return middle + strength * (float(rng.integers(margin, side - margin)) - middle)


def show_image(image: Image8, view: View, input_hw: tuple[int, int]) -> Image8:
    """Return what the network sees, (H, W, 3); black where the picture does not reach."""
    if view.mirrored:
        image = image[:, ::-1]
    shown = cv2.warpAffine(
        np.ascontiguousarray(image),
        view.letterbox.matrix(),
        input_hw[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(shown, np.uint8)


def show_label(label: Label, view: View, image_width: int, schema: KeypointSchema) -> TargetGarment:
    """Return a label as the network sees it, in cells.

    In a mirrored picture a left sleeve is a right one: the landmarks of a class change places before anybody looks up
    their groups, or a channel would learn both sides.
    """
    class_id = label.category_id - 1
    x1, y1, x2, y2 = label.bounding_box
    landmarks = label.landmarks
    if view.mirrored:
        x1, x2 = image_width - 1 - x2, image_width - 1 - x1
        landmarks = landmarks[list(schema.classes[class_id].mirror)]
        landmarks[:, 0] = image_width - 1 - landmarks[:, 0]
    to_cells = view.letterbox.to_cells
    corners = to_cells(np.array([[x1, y1], [x2, y2]], np.float32))
    points: F32 = landmarks.astype(np.float32)
    points[:, :2] = to_cells(points[:, :2])
    return TargetGarment(class_id, corners.reshape(4), points)


def jitter_colours(rng: np.random.Generator, image: Image8, strength: float = 1.0) -> Image8:
    """Change brightness, contrast and saturation, in any order, and the lighting (Krizhevsky et al., AlexNet).

    Args:
        rng: source of chance.
        image: (H, W, 3) picture.
        strength: 1 for CenterNet's changes, 0 for none.
    """
    colour = COLOUR * strength
    pixels = image.astype(np.float32)
    grey = (pixels @ _GREY)[..., None]
    for change in rng.permutation(3):
        factor = np.float32(rng.uniform(1 - colour, 1 + colour))
        other = (np.float32(0), grey.mean(), grey)[change]  # brightness, contrast, saturation
        pixels = pixels * factor + other * (1 - factor)
    lighting = 255 * _EIGENVECTORS @ (_EIGENVALUES * rng.normal(scale=LIGHTING * strength, size=3))
    return np.clip(np.rint(pixels + lighting.astype(np.float32)), 0, 255).astype(np.uint8)
