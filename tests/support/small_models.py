"""A DeepFashion2 bundle that finds something and costs nothing: for tests of what is done around a model."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tiny import export_tiny, make_manifest, write_bundle

from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import HeadsSpec, InputSpec


def deepfashion2_bundle(folder: Path, schema: KeypointSchema | None = None) -> Path:
    """Write a bundle of two convolutions, with an ``.onnx`` only, for 64x64 pictures."""
    schema = schema or KeypointSchema.deepfashion2()
    channels = head_channels(len(schema.classes), schema.num_groups)
    manifest = msgspec.structs.replace(
        make_manifest(),
        keypoints=schema,
        flip_pairs=schema.flip_pairs,
        input=InputSpec(height=64, width=64, multiple=32, dynamic=True),
        heads=HeadsSpec(layout="dense", activation="probabilities", stride=4, channels=channels),
    )
    onnx = folder / "tiny.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    export_tiny(onnx, manifest)
    return write_bundle(folder / "tiny.deepmark", manifest, {"model.onnx": onnx})
