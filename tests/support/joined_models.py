"""The tiny network with all of its outputs in one, as a graph for a GPU gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from tiny import CHANNELS, Tiny, convert, write_bundle

from deepmark.runtime.embedded_manifest import METADATA_KEY
from deepmark.runtime.manifest import Manifest


def joined_manifest(manifest: Manifest, channels: Mapping[str, int] | None = None) -> Manifest:
    """Say of a model that its outputs, or these, are joined."""
    channels = channels or manifest.heads.channels
    heads = msgspec.structs.replace(manifest.heads, channels=dict(channels), joined=tuple(channels))
    return msgspec.structs.replace(manifest, heads=heads)


def joined_models(tiny: Tiny, folder: Path, manifest: Manifest | None = None) -> dict[str, Path]:
    """Write the tiny network's two models, as `write_bundle` takes them: ONNX's outputs are separate, MNN's joined.

    Args:
        tiny: network.
        folder: folder to write into.
        manifest: manifest that both carry; None for one that says so.
    """
    import onnx

    from deepmark.exporter.gpu_form import join_outputs

    model = onnx.load(str(tiny.onnx))
    (entry,) = (one for one in model.metadata_props if one.key == METADATA_KEY)
    entry.value = (manifest or joined_manifest(tiny.manifest)).to_json(compact=True).decode()
    onnx.save(model, str(folder / "model.onnx"))
    join_outputs(model)
    onnx.save(model, str(folder / "joined.onnx"))
    convert(folder / "joined.onnx", folder / "model.mnn")
    return {name: folder / name for name in ("model.onnx", "model.mnn")}


def joined_bundle(tiny: Tiny, folder: Path) -> Path:
    """Write a bundle of them."""
    return write_bundle(folder / "joined.deepmark", joined_manifest(tiny.manifest), joined_models(tiny, folder))


def bundle_short_of_a_part(tiny: Tiny, joined: Path, folder: Path) -> Path:
    """Write a bundle of the joined model whose manifest leaves ``reg`` out: 15 channels in place of 17."""
    fewer = {name: count for name, count in CHANNELS.items() if name != "reg"}
    manifest = joined_manifest(tiny.manifest, fewer)
    return write_bundle(folder / "short.deepmark", manifest, {"model.mnn": joined / "model.mnn"})
