"""What every inference engine has in common: a checked input, named outputs, one run at a time.

An `Engine` stands before a `Session`, which is the thin layer over one library. The libraries themselves check little
(MNN runs on garbage when a shape or a type is wrong), so nothing reaches a session that was not checked here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.closing import Closing
from deepmark.runtime.engines.joined_output import joined_shape, separated
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads, heads_from_outputs
from deepmark.runtime.heads.weights import HeadWeights
from deepmark.runtime.keypoints.head_names import JOINED
from deepmark.runtime.manifest import MAX_INPUT_PIXELS, Manifest
from deepmark.runtime.preprocess import normalise, require_picture

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a library says of a session; `EngineRecord` explains the fields."""

    version: str
    device: str
    threads: int
    precision: str
    settings: Mapping[str, str | int]
    placement: str = ""


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """What really runs a model, read back from the library where it can be.

    Attributes:
        backend: ``"mnn"`` or ``"onnxruntime"``.
        version: version of the library.
        device: processor that computes, for example ``"CPU with extensions"`` (AVX2 and the like).
        threads: number of threads in use; 0 on a GPU.
        threads_asked: number of threads that were asked for; more than ``threads`` if the machine or the library has
            fewer.
        precision: number format of the arithmetic.
        settings: everything else that changes speed or results, by the library's own names.
        model_file: name of the model file.
        model_sha256: sha256 of the model file, hex.
        weights: precision that the file stores, see `deepmark.runtime.provenance.PrecisionName`.
        choice: times of the engines if this one was chosen for its speed; empty if it was not.
        pairs: times of two pictures in one run and in two if that was measured for the flip test; empty if it was not.
        placement: which operators a GPU really computes, for example ``"112 of 112 operators on Mali-G76 (OpenCL,
            IMAGE)"``; empty on the CPU.
    """

    backend: str
    version: str
    device: str
    threads: int
    threads_asked: int
    precision: str
    settings: Mapping[str, str | int]
    model_file: str
    model_sha256: str
    weights: str = "fp32"
    choice: str = ""
    pairs: str = ""
    placement: str = ""

    @classmethod
    def of(
        cls,
        facts: SessionFacts,
        *,
        backend: str,
        threads_asked: int,
        model_file: str,
        model_sha256: str,
        weights: str = "fp32",
    ) -> EngineRecord:
        """Complete what a session says of itself by what it was asked for."""
        return cls(
            backend=backend,
            version=facts.version,
            device=facts.device,
            threads=facts.threads,
            threads_asked=threads_asked,
            precision=_arithmetic(facts, weights),
            settings=facts.settings,
            model_file=model_file,
            model_sha256=model_sha256,
            weights=weights,
            placement=facts.placement,
        )


def _arithmetic(facts: SessionFacts, weights: str) -> str:
    """Return what is computed in: an int8 model brings its own; other weights are unpacked to the session's.

    But with low memory MNN leaves 8-bit weights packed and rounds activations to 8 bits as it goes.
    """
    if weights == "int8":
        return "int8"
    return "int8, scaled at run time" if weights == "w8" and facts.settings.get("memory") else facts.precision


class Session(Protocol):
    """One model in one library. Not checked, not thread-safe: `Engine` does both."""

    @property
    def facts(self) -> SessionFacts:
        """What really runs the model."""
        ...

    def output_shapes(self, input_shape: Shape) -> Mapping[str, tuple[int | None, ...]]:
        """Return name -> (1, C, H, W) of all outputs for an input of this shape; None where the file leaves it open."""
        ...

    def run(self, x: F32) -> dict[str, F32]:
        """Run on a contiguous (N, 3, H, W) array; return new arrays (N, C, H/4, W/4) by name."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class SessionWithMemory(Protocol):
    """A session whose library says how much memory it uses."""

    def memory_mib(self) -> float:
        """Return what the library uses for the model at the size that it last ran."""
        ...


class Engine(Closing):
    """A loaded model. Safe to use from several threads: runs take turns.

    It belongs to the process that loaded it: after a fork, only the parent may use it.

    Args:
        session: loaded graph.
        manifest: description of the model.
        record: facts of what really runs it.
        weights: weights of the heads that a sparse graph leaves out; None for a dense graph.

    Attributes:
        manifest: description of the model.
        record: facts of what really runs it.
        weights: weights of the heads that a sparse graph leaves out; None for a dense graph.
        together: whether two pictures of the model's own size are known to be faster in one run.
    """

    together = False

    def __init__(
        self, session: Session, manifest: Manifest, record: EngineRecord, weights: HeadWeights | None = None
    ) -> None:
        self.manifest = manifest
        self.record = record
        self.weights = weights
        self._session: Session | None = session
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._check_outputs()

    def heads(self, image: Image8) -> Heads | SparseHeads:
        """Run on a picture of the network's size, (H, W, 3) uint8; sigmoids are applied where the graph has none.

        Raises:
            DataError: it is no such picture.
            EngineError: its size is not one that the model accepts, or the engine failed.
        """
        return self.heads_together((image,))[0]

    def heads_together(self, images: Sequence[Image8]) -> tuple[Heads | SparseHeads, ...]:
        """Run on several pictures of one size in one run, which is not always faster, see `pair_choice`.

        Args:
            images: pictures of the network's size, (H, W, 3) uint8; more than one for a dynamic model only.

        Returns:
            The heads of each; the same as of each by itself up to rounding.

        Raises:
            DataError: one is no such picture.
            EngineError: their size is not one that the model accepts, or the engine failed.
        """
        logits = self.manifest.heads.activation == "logits"
        return tuple(heads_from_outputs(maps, logits=logits, weights=self.weights) for maps in self.outputs_of(images))

    def outputs_of(self, images: Sequence[Image8]) -> list[dict[str, F32]]:
        """Return the graph's outputs for several pictures, by name, as `heads_together` runs them."""
        for image in images:
            require_picture(image)
        self._check_size(*images[0].shape[:2])
        if len({image.shape for image in images}) > 1:
            raise EngineError("pictures that are run together must have one size")
        if len(images) > 1 and not self.manifest.input.dynamic:
            raise EngineError("the model takes one picture in a run", hint="export it with --dynamic")
        planes = [normalise(image, self.manifest.preprocess) for image in images]
        outputs = self._run(planes[0] if len(planes) == 1 else np.concatenate(planes))
        return [{name: maps[number] for name, maps in outputs.items()} for number in range(len(images))]

    def run(self, x: object) -> dict[str, F32]:
        """Run the graph as it is.

        Args:
            x: (1, 3, H, W) float32, normalised and finite.

        Returns:
            The graph's outputs by name, (C, H/4, W/4) each, newly allocated.

        Raises:
            EngineError: the array is not of this kind, or the engine failed.
        """
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim != 4 or x.shape[:2] != (1, 3):
            found = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            raise EngineError(f"the input must be a float32 array (1, 3, H, W), found {found}")
        self._check_size(*x.shape[2:])
        if not np.isfinite(x).all():  # MNN would turn NaN into heads that look right
            raise EngineError("the input holds NaN or infinite values", hint="check how the picture was normalised")
        return {name: maps[0] for name, maps in self._run(np.ascontiguousarray(x)).items()}

    def memory_mib(self) -> float | None:
        """Return how much memory the library says that it uses; None where it does not tell."""
        with self._lock:
            session: object = self._session
            return session.memory_mib() if isinstance(session, SessionWithMemory) else None

    def close(self) -> None:
        """Free the model; the engine cannot be used again."""
        if os.getpid() != self._process:
            return
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                session.close()

    def _run(self, x: F32) -> dict[str, F32]:
        if os.getpid() != self._process:  # before the lock: a fork may have copied it locked
            raise EngineError(
                f"the engine was loaded in process {self._process} and is used in its fork {os.getpid()}",
                hint="load it in the new process, and start that by multiprocessing's 'spawn'",
            )
        with self._lock:
            if self._session is None:
                raise EngineError("the engine is closed", hint="load the model again")
            outputs = separated(self._session.run(x), self.manifest.heads.parts)
        expected = self._expected_shapes(x.shape)
        for name, shape in expected.items():
            if outputs[name].shape != shape:
                raise EngineError(f"output {name!r} has shape {outputs[name].shape}, expected {shape}")
        return {name: outputs[name] for name in expected}

    def _check_size(self, height: int, width: int) -> None:
        spec = self.manifest.input
        if not spec.dynamic and (height, width) != (spec.height, spec.width):
            raise EngineError(
                f"the model takes {spec.height}x{spec.width} only, found {height}x{width} (height x width)"
            )
        if height % spec.multiple or width % spec.multiple or not height or not width:
            raise EngineError(
                f"height and width must be multiples of {spec.multiple}, found {height}x{width}",
                hint=f"deepmark.runtime.letterbox(picture, ({spec.height}, {spec.width})) gives the model's own size",
            )
        if height * width > MAX_INPUT_PIXELS:
            raise EngineError(f"an input of {height}x{width} is too large, the limit is {MAX_INPUT_PIXELS:,} pixels")

    def _check_outputs(self) -> None:
        """Bind the graph's outputs by name, joined or each by itself: names and channels must be the manifest's."""
        assert self._session is not None
        size = (1, 3, self.manifest.input.height, self.manifest.input.width)
        expected = self._expected_shapes(size)
        found = self._session.output_shapes(size)
        if self.manifest.heads.parts and JOINED in found:
            expected = joined_shape(expected)
        if set(found) != set(expected):
            raise BundleError(
                f"{self.record.model_file} has the outputs {', '.join(sorted(found))},"
                f" its manifest says {', '.join(sorted(expected))}",
                hint="export the model again",
            )
        for name, shape in expected.items():
            same = len(found[name]) == len(shape) and all(
                there is None or there == here for here, there in zip(shape, found[name], strict=True)
            )
            if not same:
                shown = str(found[name]).replace("None", "?")
                raise BundleError(
                    f"output {name!r} of {self.record.model_file} has shape {shown}, its manifest says {shape}",
                    hint="export the model again",
                )

    def _expected_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        heads = self.manifest.heads
        height, width = (side // heads.stride for side in input_shape[2:])
        return {name: (input_shape[0], channels, height, width) for name, channels in heads.channels.items()}
