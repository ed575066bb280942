"""Who takes part: every model with every engine, size and number of threads, and the rivals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress, product
from pathlib import Path
from typing import Literal

from deepmark.benchmarks.result.document import Failure
from deepmark.errors import BundleError, DeepMarkError, UsageError
from deepmark.runtime.bundle import Backend, OpenedBundle, open_bundle
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
from deepmark.runtime.multi_inference import SINGLE, MultiInference

Engines = Literal["auto", "all"] | Backend


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """One thing to measure.

    Attributes:
        name: name that results show.
        kind: ``"model"``: whole frames; ``"rival"``: the network alone, in another library.
        model: model that is measured, or that a rival computes.
        path: file or folder that its process loads.
        engine: name of the engine or of the rival's library; None for the model's own choice.
        size: height and width of the input, pixels.
        threads: number of threads that was asked for.
        inference: looks at a picture; a rival has one.
        compute: what computes a model.
        gpu: how a GPU computes; None on the CPU.
    """

    name: str
    kind: Literal["model", "rival"]
    model: OpenedBundle
    path: Path
    engine: str | None
    size: tuple[int, int]
    threads: int
    inference: MultiInference = SINGLE
    compute: Compute = "cpu"
    gpu: GpuSettings | None = None

    @property
    def contestant_group(self) -> tuple[tuple[int, int], int]:
        """What the contestants that take turns have in common: size and number of threads."""
        return self.size, self.threads


def open_models(paths: Sequence[Path]) -> tuple[list[OpenedBundle], list[Failure]]:
    """Open all models that can be opened; the others are named, so that one bad file among good ones costs only itself.

    Raises:
        DeepMarkError: the error of the first, if none can be opened.
    """
    models, failures, first = [], [], None
    for path in paths:
        try:
            models.append(open_bundle(path))
        except DeepMarkError as error:
            failures.append(Failure(name=str(path), kind="model", error=str(error), hint=error.hint))
            first = first or error
    if first is not None and not models:
        raise first
    return models, failures


def enter(
    models: Sequence[OpenedBundle],
    engines: Engines,
    sizes: Sequence[tuple[int, int]],
    threads: Sequence[int],
    inferences: Sequence[MultiInference] = (SINGLE,),
    computes: Sequence[Compute] = ("cpu",),
    gpu: GpuSettings | None = None,
) -> tuple[list[Contestant], list[Failure]]:
    """Combine models with engines, sizes and threads; those that take the same turns stand together.

    Args:
        models: opened models.
        engines: engine for all, ``"auto"`` for each model's own choice, or ``"all"`` for every engine that it has a
            file for.
        sizes: heights and widths of the input, in pixels; empty for each model's own.
        threads: numbers of threads.
        inferences: ways to look at a picture, each a contestant; a single look by default.
        computes: what computes, each a contestant; a GPU takes the model's file for MNN, once a size, whatever the
            numbers of threads are.
        gpu: how a GPU computes; None for the defaults.
    """
    entered: list[Contestant] = []
    failures: list[Failure] = []
    asked: Sequence[tuple[int, int] | None] = sizes or (None,)
    for size in asked:
        for count in threads:
            for model, inference in product(models, inferences):
                fault = _fault(model, engines, size, inference)
                if fault is not None:
                    failures.append(Failure(name=str(model.path), kind="model", error=str(fault), hint=fault.hint))
                    continue
                own = model.manifest.input
                chosen: Iterable[str | None] = (
                    model.weights if engines == "all" else [None if engines == "auto" else engines]
                )
                where: list[tuple[Compute, str | None]] = [("cpu", one) for one in chosen if "cpu" in computes]
                where += [(one, "mnn") for one in computes if one != "cpu" and count == threads[0]]
                entered += [
                    Contestant(
                        name=_name(model, inference),
                        kind="model",
                        model=model,
                        path=model.path,
                        engine=one,
                        size=size or (own.height, own.width),
                        threads=count,
                        inference=inference,
                        compute=compute,
                        gpu=None if compute == "cpu" else gpu,
                    )
                    for compute, one in where
                ]
    return name_apart(sorted(entered, key=lambda one: one.contestant_group)), list(dict.fromkeys(failures))


def _name(model: OpenedBundle, inference: MultiInference) -> str:
    return " ".join([model.manifest.name, *([] if inference.is_single else [inference.describe()])])


def _fault(
    model: OpenedBundle, engines: Engines, size: tuple[int, int] | None, inference: MultiInference
) -> DeepMarkError | None:
    spec = model.manifest.input
    try:
        inference.for_model(model.manifest)
    except DeepMarkError as error:
        return error
    if engines not in {"auto", "all"} and engines not in model.weights:
        return BundleError(
            f"{model.path} has no model for the engine {engines!r}, only for {', '.join(model.weights)}",
            hint="leave --backend out",
        )
    if size is None or size == (spec.height, spec.width):
        return None
    if not spec.dynamic:
        return UsageError(
            f"{model.path} takes {spec.height}x{spec.width} only, asked for {size[0]}x{size[1]}",
            hint="export it without a fixed size",
        )
    if any(side % spec.multiple for side in size):
        return UsageError(f"{model.path} takes multiples of {spec.multiple} only, asked for {size[0]}x{size[1]}")
    return None


def name_apart(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Give each a name of its own: the model's, and whatever else is not the same for all."""
    names = names_apart([one.name for one in contestants], [_traits(one) for one in contestants])
    return [replace(one, name=name) for one, name in zip(contestants, names, strict=True)]


def names_apart(names: Sequence[str], traits: Sequence[tuple[str, ...]]) -> list[str]:
    """Append to each name the traits that are not the same for all; number those that are alike even then.

    Args:
        names: names, of which several may be the same.
        traits: as many traits of each, as texts.
    """
    varying = [len(set(column)) > 1 for column in zip(*traits, strict=True)]
    longer = [" ".join([name, *compress(trait, varying)]).strip() for name, trait in zip(names, traits, strict=True)]
    seen: Counter[str] = Counter()
    apart = []
    for name in longer:
        seen[name] += 1
        apart.append(f"{name} #{seen[name]}" if seen[name] > 1 else name)
    return apart


def _traits(one: Contestant) -> tuple[str, ...]:
    manifest = one.model.manifest
    return (
        one.engine or "",
        "" if one.compute == "cpu" else one.compute,
        manifest.precision,
        manifest.heads.layout,
        f"{manifest.keypoints.num_groups} groups",
        f"{one.size[0]}x{one.size[1]}",
        threads_in_words(one.threads),
    )


def threads_in_words(threads: int) -> str:
    """Write a number of threads."""
    return f"{threads} thread{'s' if threads > 1 else ''}"
