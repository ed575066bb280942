"""Options of the commands that run a model on a data set: which engine, where, and where its heads are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from deepmark.console import progress
from deepmark.errors import UsageError

if TYPE_CHECKING:
    from deepmark.models.datasets.deepfashion2 import Dataset
    from deepmark.models.evaluation.store import HeadStore

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
NO_CACHE = Path("none")

_OPTIONS = (
    click.option(
        "--threads", type=click.IntRange(1), help="Inference threads without --workers.  [default: cores, at most 4]"
    ),
    click.option("--backend", type=click.Choice(["mnn", "onnxruntime"]), help="Engine.  [default: by the model]"),
    click.option("--size", metavar="N|HxW", help="Input of a checkpoint, pixels, multiples of 32.  [default: 256]"),
    click.option("--schema", metavar="CSV", type=PATH, help="Keypoint table of a checkpoint.  [default: built in]"),
    click.option("--workers", metavar="N", type=click.IntRange(1), help="Run N processes, with one thread each."),
    click.option("--dask", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler."),
    click.option(
        "--cache",
        metavar="DIR|none",
        type=PATH,
        help="Keep the network's outputs there, to go on later.  [default: the user's cache, 20 GB at most]",
    ),
)


def heads_options(command: Command) -> Command:
    """Add the options whose values make a `HeadsOptions`: threads, backend, size, schema, workers, dask, cache."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsOptions:
    """Values of `heads_options`, None where not given."""

    threads: int | None = None
    backend: Literal["mnn", "onnxruntime"] | None = None
    size: str | None = None
    schema: Path | None = None
    workers: int | None = None
    dask: str | None = None
    cache: Path | None = None

    def given(self) -> list[str]:
        """Name the options that were given."""
        names = ("threads", "backend", "size", "schema", "workers", "dask", "cache")
        return [f"--{name}" for name in names if getattr(self, name) is not None]

    def check(self, model: Path) -> None:
        """Refuse options that contradict each other, or mean nothing for this model.

        Raises:
            UsageError: names them.
        """
        from deepmark.models.evaluation.heads_job import is_checkpoint

        if is_checkpoint(model):
            useless, why = {"--backend"}, "a checkpoint, which torch runs"
        else:
            useless, why = {"--size", "--schema"}, "an exported model, which brings its own"
        if named := [name for name in self.given() if name in useless]:
            raise UsageError(f"{', '.join(named)} has no meaning with {why}")
        places = [name for name in self.given() if name in {"--threads", "--workers", "--dask"}]
        if len(places) > 1:
            raise UsageError(f"give only one of {', '.join(places)}", hint="workers have one thread each")

    @contextmanager
    def collect(
        self, model: Path, dataset: Dataset, images: Path, image_ids: Sequence[int], *, password: bytes | None
    ) -> Iterator[HeadStore]:
        """Compute the heads of pictures that the cache does not hold, and give access to all.

        Args:
            model: as the user named it.
            dataset: opened with ``images`` and ``password``.
            images: where the pictures lie.
            image_ids: of the pictures.
            password: of their zip.

        Raises:
            DeepMarkError: see `collect_heads`; or the model finds other classes than the data set has.
        """
        from deepmark.models.evaluation.heads_job import DEFAULT_SIZE, ModelRequest, PictureFiles
        from deepmark.models.evaluation.landmark_layout import require_same_classes
        from deepmark.models.evaluation.store import Spread, collect_heads, default_cache
        from deepmark.models.size import parse_size
        from deepmark.runtime.keypoints.schema import KeypointSchema

        size = parse_size(self.size) if self.size else DEFAULT_SIZE
        schema = KeypointSchema.from_csv(self.schema) if self.schema else None
        request = ModelRequest(model.resolve(), self.backend, size, schema)
        cache = None if self.cache == NO_CACHE else self.cache or default_cache()
        with progress("looking at pictures", len(image_ids), "pictures") as advance:
            files = PictureFiles.of(dataset, images, image_ids, password=password, advance=advance)
        with collect_heads(
            request,
            files,
            spread=Spread(self.workers, self.threads, self.dask),
            cache=cache,
            check=lambda manifest: require_same_classes(manifest.keypoints, dataset.schema),
            progress=progress,
        ) as store:
            yield store
