"""Where a network's time goes: every operator that an engine runs, measured in a child process."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deepmark.benchmarks.speed.contestants import Contestant, Engines, enter, open_models
from deepmark.benchmarks.speed.machine import choose_cores, usable_cores
from deepmark.console import Progress, no_progress
from deepmark.errors import DeepMarkError, EngineError
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.trial import LoadTrial, run_trial
from deepmark.runtime.engines.trial_load import check_in_child

CHILD = "deepmark.benchmarks.speed.layer_child"
SPARE_S = 300.0  # beside the runs: a large network is loaded first
_TAIL = re.compile(r"(_output_\d+|__before_tr|_raster_\d+|_nchwc|_kernel_time).*$")  # what exporters and engines append


class LayerTime(msgspec.Struct, frozen=True):
    """One operator that an engine ran.

    Attributes:
        name: name of the layer that it was made from, such as ``"base.level2.tree1.conv1"``, or the engine's own.
        operator: name of the operator in the engine.
        shape: shape of its first output.
        ms: shortest time of all runs, in milliseconds: what others do on the machine only adds to it.
        multiply_adds: millions of multiply-adds, as the engine computes them without a fast algorithm; None for
            operators that are no convolution or product of matrices.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    ms: float
    multiply_adds: float | None

    @property
    def rate(self) -> float | None:
        """Multiply-adds a second, in thousands of millions; None where there are none."""
        return None if self.multiply_adds is None or not self.ms else self.multiply_adds / self.ms


class LayerProfile(msgspec.Struct, frozen=True):
    """Where the time of one network goes in one engine.

    Attributes:
        name: name of the model, and what else tells it from the others.
        engine: name of the engine.
        version: version of the engine.
        size: height and width of the input, in pixels.
        threads: number of threads that compute.
        runs: number of runs.
        total_ms: sum of the layers' times, in milliseconds.
        multiply_adds: sum of the layers' multiply-adds, in millions.
        layers: all operators, slowest first.
    """

    name: str
    engine: str
    version: str
    size: tuple[int, int]
    threads: int
    runs: int
    total_ms: float
    multiply_adds: float
    layers: tuple[LayerTime, ...]


class Operator(msgspec.Struct, frozen=True):
    """An operator as the child measured it; attributes as of `LayerTime`, the name is the engine's."""

    name: str
    operator: str
    shape: tuple[int, ...]
    ms: float
    multiply_adds: float | None


class LayerJob(msgspec.Struct, frozen=True):
    """What a child measures.

    Attributes:
        path: path of the model file.
        engine: engine that runs it.
        size: height and width of the input, in pixels.
        threads: number of threads to compute with.
        winograd: MNN's Winograd level; None for its own.
        cores: cores to pin to; none to run anywhere.
        runs: largest number of runs.
        seconds: time after which no run begins, in seconds.
    """

    path: str
    engine: Backend
    size: tuple[int, int]
    threads: int
    winograd: int | None
    cores: tuple[int, ...]
    runs: int
    seconds: float


class LayerAnswer(msgspec.Struct, frozen=True):
    """What a child found: the engine's version, its number of runs, and all operators in the order of the graph."""

    version: str
    runs: int
    operators: tuple[Operator, ...]


def profile_layers(
    models: Sequence[Path],
    *,
    engines: Engines,
    sizes: Sequence[tuple[int, int]],
    threads: Sequence[int],
    cores: str,
    runs: int,
    seconds: float,
    progress: Progress = no_progress,
) -> list[LayerProfile]:
    """Measure every operator of every model, with each engine, size and number of threads.

    Args:
        models: what `open_bundle` takes.
        engines: engine for all, or ``"all"`` for every engine that a model has a file for.
        sizes: heights and widths of the input, in pixels; empty for each model's own.
        threads: numbers of threads.
        cores: cores to pin to, as `choose_cores` takes them.
        runs: largest number of runs of each.
        seconds: time after which no run of one begins, in seconds.
        progress: what shows how far it is; by default nothing does.

    Raises:
        DeepMarkError: a model cannot be opened, run or measured.
    """
    opened, failures = open_models(models)
    entered, unfit = enter(opened, engines, sizes, [min(count, len(usable_cores())) for count in threads])
    if failures or unfit:
        first = (*failures, *unfit)[0]
        raise DeepMarkError(first.sentence, hint=first.hint)
    found = []
    with progress("measuring", len(entered), "models") as advance:
        for one in entered:
            found.append(_profile(one, choose_cores(cores, one.threads), runs, seconds))
            advance()
    return found


def layer_name(name: str) -> str:
    """Return the path of the module that an operator was made from, as people write it.

    >>> layer_name("/network/base/level2/tree1/conv1/Conv_output_0")
    'base.level2.tree1.conv1'
    >>> layer_name("/network/hm/hm.0/Conv")  # the exporter names a Sequential twice
    'hm.0'
    >>> layer_name("features__before_tr_raster_0")
    'features'
    """
    parts: list[str] = []
    for part in _TAIL.sub("", name).removeprefix("/network/").strip("/").split("/"):
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        if not part[:1].isupper() or not parts:  # an operator's name; modules begin with a small letter
            parts.append(part)
    return ".".join(parts)


def _profile(one: Contestant, cores: tuple[int, ...], runs: int, seconds: float) -> LayerProfile:
    model = one.model
    engine: Backend = "onnxruntime" if (one.engine or next(iter(model.weights))) == "onnxruntime" else "mnn"
    level = model.manifest.winograd_level
    with tempfile.TemporaryDirectory(prefix="deepmark-layers-") as folder, model.weights_file(engine) as path:
        check_in_child(
            path, engine, model.entries[model.weights[engine]].sha256, size=model.manifest.input, label=str(model.path)
        )
        job = LayerJob(
            path=str(path.resolve()),
            engine=engine,
            size=one.size,
            threads=one.threads,
            winograd=None if isinstance(level, msgspec.UnsetType) else level,
            cores=cores,
            runs=runs,
            seconds=seconds,
        )
        asked, given = Path(folder, "job.json"), Path(folder, "answer.json")
        asked.write_bytes(msgspec.json.encode(job))
        trial = LoadTrial(
            CHILD, str(model.path), engine, SPARE_S + seconds, EngineError, "run it again with another --backend"
        )
        run_trial(trial, [str(asked), str(given)])
        answer = msgspec.json.decode(given.read_bytes(), type=LayerAnswer)
    layers = [
        LayerTime(layer_name(row.name), row.operator, row.shape, row.ms, row.multiply_adds) for row in answer.operators
    ]
    return LayerProfile(
        name=one.name,
        engine=engine,
        version=answer.version,
        size=one.size,
        threads=one.threads,
        runs=answer.runs,
        total_ms=round(sum(row.ms for row in layers), 3),
        multiply_adds=round(sum(row.multiply_adds or 0 for row in layers), 3),
        layers=tuple(sorted(layers, key=lambda row: -row.ms)),
    )
