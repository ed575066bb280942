"""The stages of the chain, ready to run: the same network input in, the graph's outputs by name out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.errors import BundleError, ConversionError, DataError, DeepMarkError
from deepmark.exporter.formats import format_of
from deepmark.exporter.objects import decode_objects, no_objects
from deepmark.exporter.parity import HopTally, ParityReport, ParitySample, Tolerances
from deepmark.exporter.pictures import ParityPicture
from deepmark.exporter.to_onnx import raw_outputs
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.heads.maps import PROBABILITY_HEADS
from deepmark.runtime.heads.sparse import heads_from_outputs
from deepmark.runtime.heads.weights import HeadWeights
from deepmark.runtime.manifest import HeadsSpec, Manifest
from deepmark.runtime.preprocess import normalise

if TYPE_CHECKING:
    import torch


# Of every stage, and so of golden vectors. MNN's results depend on it by up to `parity.OTHER_BLOCKS_RTOL`, those of
# other engines in the last bits; and a busy machine makes more threads slower.
THREADS = 1


@dataclass(frozen=True, slots=True, eq=False)
class ChainStage:
    """One form of the network.

    Attributes:
        name: name in parity tables.
        run: (1, 3, H, W) float32, normalised -> outputs by name, (C, H/4, W/4), activated as the manifest says.
        weights: weights of the heads that the outputs leave to the runtime; None where they give all heads.
    """

    name: str
    run: Callable[[F32], Mapping[str, F32]]
    weights: HeadWeights | None = None

    @classmethod
    def of(cls, name: str, engine: Engine) -> ChainStage:
        """Make a stage of a loaded model."""
        return cls(name, engine.run, engine.weights)

    def sample(self, picture: ParityPicture, manifest: Manifest) -> ParitySample:
        """Run on a picture and decode.

        Heads that the runtime computes at single cells are decoded so, and computed at every cell for comparison.
        """
        outputs = self.run(normalise(picture.image, manifest.preprocess))
        heads = heads_from_outputs(outputs, logits=manifest.heads.activation == "logits", weights=self.weights)
        maps = heads.dense()
        try:
            objects = decode_objects(heads, manifest.keypoints, manifest.decoder, maps=maps)
        except DataError:  # NaN or no probabilities: then the heads' own figures say what is wrong
            objects = no_objects(manifest.keypoints)
        tensors = {name: outputs[name] if name in outputs else getattr(maps, name) for name in manifest.heads.tensors}
        scales = {name: float(np.abs(tensor).max()) for name, tensor in tensors.items()}
        return ParitySample(tensors, scales, objects, maps)


def load_converted(path: Path, stage: str) -> Engine:
    """Load a model file that was just written as its users will, and make sure that it runs.

    Args:
        path: ``.onnx`` or ``.mnn`` file with the manifest inside.
        stage: name of the stage in errors.

    Raises:
        ConversionError: the file cannot be used.
    """
    try:
        return load_engine(path, threads=THREADS, backend=format_of(path).backend)
    except BundleError as error:
        raise unusable(error, stage) from error


def unusable(error: DeepMarkError, stage: str) -> ConversionError:
    """Say that a converted model cannot be loaded.

    Args:
        error: what loading it said.
        stage: name of the stage.
    """
    return ConversionError(f"the converted model cannot be used: {error}", stage=f"-> {stage}")


def compare_stages(
    stages: Sequence[ChainStage],
    pictures: Sequence[ParityPicture],
    manifest: Manifest,
    tolerances: Tolerances,
) -> ParityReport:
    """Run all stages on all pictures, one after the other, and compare what they give, see `compare_samples`."""
    rows = ((picture, [stage.sample(picture, manifest) for stage in stages]) for picture in pictures)
    return compare_samples([stage.name for stage in stages], rows, manifest, tolerances)


def compare_samples(
    names: Sequence[str],
    rows: Iterable[tuple[ParityPicture, Sequence[ParitySample]]],
    manifest: Manifest,
    tolerances: Tolerances,
    on_sample: Callable[[ParityPicture, ParitySample], None] = lambda _picture, _sample: None,
) -> ParityReport:
    """Compare every stage with the one before it, and the last one with the first.

    Each hop alone shows which step did harm; end to end shows what a user gets, so that small errors of several steps
    cannot add up unseen.

    Args:
        names: names of the stages; the first is right, whatever it gives.
        rows: each picture with what every stage gave for it.
        manifest: how heads were decoded.
        tolerances: allowed differences of stages.
        on_sample: function that gets each picture and what the first stage gave for it.
    """
    hops = [(i, i + 1) for i in range(len(names) - 1)]
    if len(names) > 2:
        hops.append((0, len(names) - 1))
    tallies = {
        (i, j): HopTally(
            names[i],
            names[j],
            spec=manifest.heads,
            schema=manifest.keypoints,
            params=manifest.decoder,
            tolerances=tolerances,
        )
        for i, j in hops
    }
    for picture, samples in rows:
        on_sample(picture, samples[0])
        for (i, j), tally in tallies.items():
            tally.add(samples[i], samples[j])
    return ParityReport(tuple(tally.result() for tally in tallies.values()))


@contextmanager
def torch_stage(network: torch.nn.Module, spec: HeadsSpec) -> Iterator[ChainStage]:
    """Give the network itself, with every head, as a stage."""
    import torch

    def run(x: F32) -> dict[str, F32]:
        with torch.inference_mode():
            raw = raw_outputs(network, torch.from_numpy(x))
            active = PROBABILITY_HEADS if spec.activation == "probabilities" else ()
            return {
                name: (torch.sigmoid(raw[name]) if name in active else raw[name])[0].numpy() for name in spec.tensors
            }

    with one_torch_thread():
        yield ChainStage("torch", run)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute with `THREADS`, in threads that are started meanwhile too; its number is put back afterwards.

    More than one is also slower for short work: those that have nothing to do keep their cores busy waiting.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def twin(network: torch.nn.Module) -> torch.nn.Module:
    """Return the network once more, for another thread: with hooks and modes of its own, and the very same weights."""
    tensors = (*network.parameters(), *network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
