"""Hand-made files in DeepFashion2's format, in folders and in encrypted zips."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from media_files import encoded

from deepmark.models.datasets.deepfashion2.annotation import CONVERTER_NAMES
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2()


def item(category_id: int = 1, /, *, flag: int = 2, **changes: Any) -> dict[str, Any]:
    """A valid item whose landmarks lie on the diagonal of its box."""
    one = SCHEMA.classes[category_id - 1]
    places = np.linspace(20, 60, len(one.groups)).round(1).tolist()
    valid = {
        "segmentation": [[20, 20, 60, 20, 60, 60]],
        "scale": 2,
        "viewpoint": 2,
        "zoom_in": 1,
        "landmarks": [number for place in places for number in (place, place, flag)],
        "style": 0,
        "bounding_box": [20, 20, 60, 60],
        "category_id": category_id,
        "occlusion": 1,
        "category_name": one.name,
    }
    return valid | changes


def document(*items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A valid annotation of a picture with these items."""
    numbered = {f"item{number}": one for number, one in enumerate(items, 1)}
    return {"source": "user", "pair_id": 7, **numbered, **changes}


def write_set(folder: Path, documents: Mapping[int, object], *, side: int = 80) -> Path:
    """Write pictures with their annotations; bytes are written as they are."""
    for part in ("image", "annos"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    picture = encoded(np.full((side, side, 3), 127, np.uint8), ".jpg")
    for number, content in documents.items():
        (folder / "image" / f"{number:06d}.jpg").write_bytes(picture)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / "annos" / f"{number:06d}.json").write_bytes(raw)
    return folder


def coco_document(documents: Mapping[int, Mapping[str, Any]], *, side: int = 80) -> dict[str, Any]:
    """The same annotations as the official converter writes them."""
    starts = [sum(len(one.groups) for one in SCHEMA.classes[:index]) for index in range(len(SCHEMA.classes))]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, content in documents.items():
        images.append({"id": number, "file_name": f"{number:06d}.jpg", "width": side, "height": side, "license": 0})
        for name, one in content.items():
            if not name.startswith("item"):
                continue
            x1, y1, x2, y2 = one["bounding_box"]
            keypoints, start = [0.0] * (3 * SCHEMA.num_landmarks), 3 * starts[one["category_id"] - 1]
            keypoints[start : start + len(one["landmarks"])] = one["landmarks"]
            annotations.append(
                {
                    "area": (x2 - x1) * (y2 - y1),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "category_id": one["category_id"],
                    "id": len(annotations) + 1,
                    "pair_id": content["pair_id"],
                    "image_id": number,
                    "iscrowd": 0,
                    "style": one["style"],
                    "num_keypoints": sum(flag > 0 for flag in one["landmarks"][2::3]),
                    "keypoints": keypoints,
                    "segmentation": one["segmentation"],
                }
            )
    names = [CONVERTER_NAMES.get(name, name) for name in SCHEMA.class_names]
    categories = [
        {"id": number, "name": name, "supercategory": "clothes", "skeleton": []} for number, name in enumerate(names, 1)
    ]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def write_zip(path: Path, folder: Path, prefix: str, password: bytes | None) -> Path:
    """Pack a data set as the official zips are: below a folder, with the old cipher where there is a password."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            info = zipfile.ZipInfo(f"{prefix}{file.relative_to(folder).as_posix()}")
            plain = file.read_bytes()
            if password is None:
                archive.writestr(info, plain)
                continue
            archive.writestr(info, _encrypt(plain, password))
            info.flag_bits |= 0x1  # the directory, written last, says what is in there
            info.CRC, info.file_size = zlib.crc32(plain), len(plain)
    return path


def _encrypt(plain: bytes, password: bytes) -> bytes:
    """The cipher of PKZIP 2 (APPNOTE.TXT 6.1)."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    header = hashlib.sha256(plain).digest()[:11]  # real ones are random; without them all files would have one check
    for byte in header + bytes([zlib.crc32(plain) >> 24]) + plain:
        low = (keys[2] | 2) & 0xFFFF
        out.append(byte ^ ((low * (low ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(out)
