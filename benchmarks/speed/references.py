"""What rivals need: the dense network in a file that they can read, and the right outputs to be held against."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmark.benchmarks.result.document import Failure
from deepmark.benchmarks.speed.contestants import Contestant
from deepmark.benchmarks.speed.rivals import RIVALS, Rival
from deepmark.benchmarks.speed.samples import SamplePictures
from deepmark.errors import DeepMarkError, UsageError
from deepmark.runtime.bundle import OpenedBundle
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.preprocess import normalise
from deepmark.runtime.transform import letterbox

_HINT = "deepmark export CKPT --to onnx --heads dense"


@dataclass(frozen=True, slots=True)
class References:
    """Files of a dense network.

    Attributes:
        model: model that the network was taken from.
        files: kind of file -> path; a kind that there is none of is not in it.
        pictures: pictures to run on.
        folder: folder that the right outputs are written into.
    """

    model: OpenedBundle
    files: Mapping[str, Path]
    pictures: SamplePictures
    folder: Path

    def expected(self, size: tuple[int, int]) -> Path:
        """Write normalised pictures of a size, and what ONNX Runtime gives for the first of them; return the file."""
        path = self.folder / f"expected-{size[0]}x{size[1]}.npz"
        if not path.exists():
            preprocess = self.model.manifest.preprocess
            inputs = [normalise(letterbox(image, size)[0], preprocess) for image in self.pictures.images]
            with load_engine(self.model, threads=1, backend="onnxruntime") as engine:
                outputs = engine.run(inputs[0])
            arrays = {**outputs, **{f"input{number}": x for number, x in enumerate(inputs)}}
            np.savez(path, allow_pickle=False, **arrays)
        return path


def dense_model(models: Sequence[OpenedBundle]) -> OpenedBundle:
    """Return the first model whose whole network stands in an ``.onnx`` file in float32.

    Raises:
        UsageError: there is none.
    """
    for model in models:
        manifest = model.manifest
        if "onnxruntime" in model.weights and manifest.heads.layout == "dense" and manifest.precision == "fp32":
            return model
    raise UsageError("--against needs a model with dense heads in ONNX, fp32; none of those given is one", hint=_HINT)


def find_rivals(names: Iterable[str], checkpoint: Path | None) -> tuple[list[str], list[Failure]]:
    """Keep those that can run here; name the others, with the reason."""
    present, missing = [], []
    for name in dict.fromkeys(names):
        fault = _fault(RIVALS[name], checkpoint)
        if fault is None:
            present.append(name)
        else:
            missing.append(Failure(name=name, kind="rival", error=fault[0], hint=fault[1]))
    return present, missing


def _fault(rival: Rival, checkpoint: Path | None) -> tuple[str, str] | None:
    if importlib.util.find_spec(rival.module) is None:
        return f"{rival.title} is not installed", f"pip install 'deepmark-export[{rival.extra}]'"
    if rival.source == "checkpoint" and checkpoint is None:
        return f"{rival.title} runs a checkpoint, and none was given", "give --checkpoint FILE"
    return None


@contextmanager
def references(
    model: OpenedBundle, rivals: Iterable[str], checkpoint: Path | None, pictures: SamplePictures, folder: Path
) -> Iterator[tuple[References, list[Failure]]]:
    """Make the files that these rivals read, for the length of a ``with`` block; name those that cannot be made."""
    failures = []
    with ExitStack() as open_files:
        files: dict[str, Path] = {"onnx": open_files.enter_context(model.weights_file("onnxruntime"))}
        if "mnn" in model.weights:
            files["mnn"] = open_files.enter_context(model.weights_file("mnn"))
        if checkpoint is not None:
            files["checkpoint"] = checkpoint
        if any(RIVALS[name].source == "ncnn" for name in rivals):
            try:
                files["ncnn"] = _write_ncnn(files["onnx"], model, folder)
            except DeepMarkError as error:
                failures.append(Failure(name="ncnn", kind="rival", error=str(error), hint=error.hint))
        yield References(model, files, pictures, folder), failures


def _write_ncnn(onnx_file: Path, model: OpenedBundle, folder: Path) -> Path:
    from deepmark.benchmarks.speed.ncnn_graph import write_ncnn
    from deepmark.extras import require

    require("writing a network for ncnn", "onnx", extra="export")
    param, _ = write_ncnn(onnx_file, folder)
    param.with_suffix(".outputs").write_text("\n".join(model.manifest.heads.channels) + "\n")
    return param


def enter_rivals(found: References, rivals: Iterable[str], models: Iterable[Contestant]) -> list[Contestant]:
    """Enter every rival in every size and number of threads that models run with."""
    turns = list(dict.fromkeys(one.contestant_group for one in models))
    return [
        Contestant(_name(name, turn if len(turns) > 1 else None), "rival", found.model, file, name, *turn)
        for turn in turns
        for name in rivals
        if (file := found.files.get(RIVALS[name].source)) is not None
    ]


def _name(rival: str, turn: tuple[tuple[int, int], int] | None) -> str:
    name = f"{RIVALS[rival].title} (network alone)"
    if turn is None:
        return name
    (height, width), threads = turn
    return f"{name} {height}x{width} {threads} thread{'s' if threads > 1 else ''}"
