"""A two-layer network with the six heads, as small as a model can be that the engines run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.embedded_manifest import METADATA_KEY
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema
from deepmark.runtime.manifest import SCHEMA_VERSION, FileEntry, HeadsSpec, InputSpec, Manifest, Preprocess
from deepmark.runtime.provenance import SourceCheckpoint

CHANNELS = {"hm": 2, "wh": 2, "hps": 6, "reg": 2, "hm_hp": 3, "hp_offset": 2}


@dataclass(frozen=True)
class Tiny:
    """Files of the tiny network. All bare files carry their manifest; ``bundle`` holds an ``.onnx`` and a ``.mnn``.

    ``logits`` has the same weights without the sigmoids, ``fixed`` takes its own input size only.
    """

    manifest: Manifest
    onnx: Path
    mnn: Path
    logits_onnx: Path
    logits_mnn: Path
    fixed_mnn: Path
    bundle: Path


def tiny_schema() -> KeypointSchema:
    top = KeypointClass("top", ("left", "right"), groups=(0, 1), mirror=(1, 0), sigmas=(0.1, 0.1))
    skirt = KeypointClass("skirt", ("left", "right", "hem"), groups=(0, 1, 2), mirror=(1, 0, 2), sigmas=(0.1,) * 3)
    return KeypointSchema("tiny", (top, skirt), ("left", "right", "hem"))


def boxes_schema() -> KeypointSchema:
    """The tiny schema's classes without landmarks."""
    return KeypointSchema("boxes", tuple(KeypointClass(name, (), (), (), ()) for name in ("top", "skirt")), ())


def make_manifest() -> Manifest:
    schema = tiny_schema()
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name="tiny",
        created_by="tests",
        precision="fp32",
        input=InputSpec(height=64, width=96, multiple=32, dynamic=True),
        preprocess=Preprocess(),
        heads=HeadsSpec(layout="dense", activation="probabilities", stride=4, channels=CHANNELS),
        keypoints=schema,
        flip_pairs=schema.flip_pairs,
        decoder=DecoderParams(nms="soft"),
        source=SourceCheckpoint(file="tiny.pth", sha256="0" * 64, architecture="mdla34", variant="A", parameters=1),
        versions={},
    )


def export_tiny(path: Path, manifest: Manifest, channels: Mapping[str, int] | None = None) -> None:
    """Write the network to ONNX, with its manifest inside; ``channels`` may differ from what that says."""
    import onnx
    import torch

    counts = manifest.heads.channels if channels is None else channels

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.second = torch.nn.Conv2d(4, 8, 3, stride=2, padding=1)
            self.heads = torch.nn.ModuleList(torch.nn.Conv2d(8, count, 1) for count in counts.values())

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = torch.relu(self.second(torch.relu(self.first(image))))
            maps = {name: head(features) for name, head in zip(counts, self.heads, strict=True)}
            if manifest.heads.activation == "probabilities":
                maps |= {name: torch.sigmoid(maps[name]) for name in ("hm", "hm_hp") if name in maps}
            return tuple(maps.values())

    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = list(counts)
    axes = {"image": {0: "batch", 2: "height", 3: "width"}, **{name: {0: "batch", 2: "h", 3: "w"} for name in names}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Net().eval(),
            (torch.zeros(1, 3, 64, 96),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=names,
            dynamic_axes=axes if manifest.input.dynamic else None,
        )
    model = onnx.load(str(path))
    model.metadata_props.add(key="other", value="first")
    model.metadata_props.add(key=METADATA_KEY, value=manifest.to_json(compact=True).decode())
    onnx.save(model, str(path))


def convert(source: Path, target: Path) -> None:
    """Run MNN's converter in a child process."""
    code = "import sys, _tools; _tools.mnnconvert(sys.argv[1:])"
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), "--bizCode", "test"]
    subprocess.run([sys.executable, "-P", "-c", code, *arguments], check=True, capture_output=True, timeout=120)
    assert target.is_file()


def write_bundle(folder: Path, manifest: Manifest, models: Mapping[str, Path]) -> Path:
    """Write a bundle of these model files (name in the bundle -> source) and one other file."""
    contents = {name: source.read_bytes() for name, source in models.items()}
    contents["vectors/one.bin"] = bytes(range(256))
    (folder / "vectors").mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {name: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()}
    (folder / "manifest.json").write_bytes(msgspec.structs.replace(manifest, files=files).to_json())
    return folder


def large_steps(tiny: Tiny, folder: Path) -> Path:
    """Write a bundle of the tiny network whose sides must be multiples of 128, as an hourglass's."""
    size = InputSpec(height=128, width=128, multiple=128, dynamic=True)
    manifest = msgspec.structs.replace(tiny.manifest, input=size)
    return write_bundle(folder, manifest, {"model.onnx": tiny.onnx, "model.mnn": tiny.mnn})


def noise(*shape: int, seed: int = 0) -> F32:
    """A seeded network input."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def truth(model: Path, x: F32) -> dict[str, F32]:
    """What ONNX Runtime gives when it is asked directly, without any code of ours."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"image": x})
    return {meta.name: value[0] for meta, value in zip(session.get_outputs(), outputs, strict=True)}


def assert_close(found: Mapping[str, F32], expected: Mapping[str, F32]) -> None:
    """Require the same outputs, equal but for rounding."""
    assert found.keys() == expected.keys()
    for name, head in expected.items():
        np.testing.assert_allclose(found[name], head, atol=1e-5, err_msg=name)
