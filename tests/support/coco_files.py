"""Files as COCO's own, and result files as CenterNet writes them, made from a seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from media_files import encoded

from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

Document = dict[str, Any]
NAMES = KeypointSchema.coco_person().classes[0].keypoint_names
CATEGORY_IDS = tuple(one for one in range(1, 91) if one not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83})  # COCO's 80
_SIDE = 400  # of the pictures, pixels


def persons(seed: int, pictures: int = 24) -> tuple[Document, list[Document]]:
    """A ``person_keypoints_*.json`` with crowds and persons without a labelled point, and detections of all kinds."""
    categories = [
        {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(NAMES), "skeleton": [[1, 2]]}
    ]
    return _draw(np.random.default_rng(seed), pictures, categories, points=len(NAMES))


def objects(
    seed: int, pictures: int = 24, names: tuple[str, ...] = KeypointSchema.coco().class_names
) -> tuple[Document, list[Document]]:
    """An ``instances_*.json`` with COCO's sparse numbers of categories, and detections."""
    categories = [{"id": number, "name": name} for number, name in zip(CATEGORY_IDS, names, strict=False)]
    return _draw(np.random.default_rng(seed), pictures, categories, points=0)


def folder_of(labels: Document, folder: Path, name: str) -> tuple[Path, Path]:
    """The file and a folder of plain pictures."""
    pictures = folder / "val2017"
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for image in labels["images"]:
        image |= {"width": 64, "height": 64}
        (pictures / image["file_name"]).write_bytes(encoded(rng.integers(0, 255, (64, 64, 3), np.uint8), ".jpg"))
    for one in labels["annotations"]:
        one["bbox"] = [value / 8 for value in one["bbox"]]
        one["area"] /= 64
        if "keypoints" in one:
            one["keypoints"] = [value if at % 3 == 2 else value / 8 for at, value in enumerate(one["keypoints"])]
    (folder / name).write_text(json.dumps(labels))
    return folder / name, pictures


def _draw(
    rng: np.random.Generator, pictures: int, categories: list[Document], *, points: int
) -> tuple[Document, list[Document]]:
    ids = [one["id"] for one in categories]
    ids = ids[:3] + ids[-3:]  # most categories occur nowhere, as in a part of COCO
    images = [{"id": 7 * n, "file_name": f"{7 * n:012d}.jpg", "width": _SIDE, "height": _SIDE} for n in range(pictures)]
    annotations: list[Document] = []
    found: list[Document] = []
    for image in images:
        for _ in range(rng.integers(0, 6)):
            box = np.concatenate([rng.uniform(0, 150, 2), rng.uniform(3, 250, 2)]).round(2)
            item = _item(rng, box, points) | {
                "id": len(annotations) + 1,
                "image_id": image["id"],
                "category_id": int(rng.choice(ids)),
            }
            annotations.append(item)
            copies = rng.integers(0, 5)
            found += [_detection(rng, item, noise, points) for noise in rng.choice([0.5, 3, 8, 25], copies)]
        for _ in range(rng.integers(0, 25)):  # more than 20 detections in some pictures
            box = np.concatenate([rng.uniform(0, 200, 2), rng.uniform(1, 200, 2)])
            stray = _item(rng, box, points) | {"image_id": image["id"], "category_id": int(rng.choice(ids))}
            found.append(_detection(rng, stray, 1, points))
    order = rng.permutation(len(found))
    document = {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    return document, [found[at] for at in order]


def _item(rng: np.random.Generator, box: F64, points: int) -> Document:
    x, y, width, height = box.tolist()
    crowd = bool(rng.random() < 0.15)
    outline = {"counts": [5, 9, 3], "size": [_SIDE, _SIDE]} if crowd else [[x, y, x + width, y, x + width, y + height]]
    item: Document = {
        "bbox": [x, y, width, height],
        "area": width * height * float(rng.uniform(0.2, 1)),
        "iscrowd": int(crowd),
        "segmentation": outline,
    }
    if points:
        places = rng.uniform(0, 1, (points, 2)) * box[2:] + box[:2]
        flags = rng.integers(0, 3, (points, 1)) * (not crowd and rng.random() > 0.2)
        keypoints = np.hstack([places.round(), flags]) * (flags > 0)
        item |= {"keypoints": keypoints.ravel().tolist(), "num_keypoints": int(np.count_nonzero(flags))}
    return item


def _detection(rng: np.random.Generator, item: Document, noise: float, points: int) -> Document:
    """A detection with two decimals and all visibilities 1, as CenterNet's; near an item, or inside a crowd."""
    box = np.array(item["bbox"]) + rng.normal(0, noise, 4)
    if item["iscrowd"] and rng.random() < 0.5:
        box[2:] /= 3
    box[2:] = np.maximum(box[2:], 1)
    found: Document = {"image_id": item["image_id"], "category_id": item["category_id"], "bbox": box.round(2).tolist()}
    if points:
        labelled = np.array(item["keypoints"]).reshape(-1, 3)
        places = np.where(labelled[:, 2:] > 0, labelled[:, :2], box[:2] + box[2:] / 2) + rng.normal(
            0, noise, (points, 2)
        )
        found["keypoints"] = np.hstack([places.round(2), np.ones((points, 1))]).ravel().tolist()
    return found | {"score": round(float(np.clip(rng.normal(0.6 - noise / 60, 0.2), 0, 1)), 2)}
