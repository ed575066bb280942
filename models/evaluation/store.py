"""Heads of many pictures on disk: computed once, read as often as a table or a search asks for them.

A file holds the heads of `CHUNK` pictures, under a name that follows from all that decides them: the model file, what
runs it, what reads pictures and makes its input of them, and the pictures' contents. So whatever ended an evaluation,
the next one goes on where it was; another model, another version, a changed picture make other files; and decoder
parameters, which decide nothing here, may change::

    with collect_heads(request, files, spread=Spread(workers=2)) as store:
        for picture in store:
            detections = picture.detect(params)

The user's cache is kept from growing without end (`make_room`): a large data set under many models would fill a disk
unseen.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deepmark.console import Progress, no_progress
from deepmark.errors import DataError
from deepmark.files import cache_folder, cannot_write, write_whole
from deepmark.models.evaluation.compact_heads import Reach
from deepmark.models.evaluation.heads_job import CHUNK, Chunk, HeadsJob, ModelRequest, PictureFiles, maker
from deepmark.models.evaluation.picture_heads import PictureHeads, decode
from deepmark.models.evaluation.workers import Done, do_here, do_in_processes
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.multi_inference import SINGLE, MultiInference

NO_CACHE = Path("none")
MOST_BYTES = 20 * 2**30  # the validation set of DeepFashion2 takes 6-10 GB a model
IN_USE_S = 24 * 3600.0  # a folder used so recently may belong to a program that runs
SUFFIX = ".heads"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spread:
    """Where heads are computed: in this process, in several of one thread each, or on a Dask cluster.

    Attributes:
        workers: number of processes; None for this one alone.
        threads: number of threads of the engine in this process; None for the default.
        cluster: address of a Dask scheduler, instead of either; None for this machine.
    """

    workers: int | None = None
    threads: int | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeadStore:
    """Heads of pictures, in files.

    Attributes:
        manifest: manifest of the model.
        record: record of the engine that runs it. Heads from a cache were made by the same, with as many threads.
        reach: decoder parameters within which the heads decode exactly.
        inference: looks at each picture.
        image_ids: numbers of the pictures, in order.
        paths: paths of the files, in order.
    """

    manifest: Manifest
    record: EngineRecord
    reach: Reach
    inference: MultiInference
    image_ids: tuple[int, ...]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __iter__(self) -> Iterator[PictureHeads]:
        """Read all pictures in order; one file at a time is in memory.

        Raises:
            DataError: a file was damaged or removed since it was made.
        """
        for path in self.paths:
            try:
                yield from self._read(path)
            except (OSError, DataError) as error:
                raise DataError(
                    f"{path} cannot be read any more: {error}", hint="run the same command again"
                ) from error

    def holds(self, path: Path) -> bool:
        """Tell whether a file is there and whole."""
        try:
            self._read(path)
        except FileNotFoundError:
            return False
        except (OSError, DataError) as error:
            logger.warning("%s is made again: %s", path, error)
            return False
        return True

    def _read(self, path: Path) -> list[PictureHeads]:
        manifest = self.manifest
        return decode(path.read_bytes(), manifest.keypoints, self.reach, manifest.input, self.inference)


@contextmanager
def collect_heads(
    model: ModelRequest,
    files: PictureFiles,
    *,
    inference: MultiInference = SINGLE,
    spread: Spread | None = None,
    cache: Path | None = None,
    check: Callable[[Manifest], None] = lambda _: None,
    progress: Progress = no_progress,
) -> Iterator[HeadStore]:
    """Compute the heads that the cache does not hold, and give access to all.

    Args:
        model: model to run.
        files: pictures to look at.
        inference: looks at each of them; a single one by default. A pair is never run together here: what is kept does
            not depend on what was faster.
        spread: processes to compute in; None for this process alone.
        cache: folder to keep heads in; `NO_CACHE` for a temporary one, which goes when the block ends; None for the
            user's cache, which is kept from growing. Where that cannot be written, a warning says so, and a temporary
            folder takes its place.
        check: function that raises for a model that is not to be run.
        progress: function that shows the progress.

    Raises:
        DeepMarkError: the model cannot be loaded or run, a picture cannot be read, the cache cannot be written, or
            workers die again and again.
    """
    spread = spread or Spread()
    here = spread.workers is None and spread.cluster is None
    with model.open(spread.threads if here else 1) as engine:
        manifest, record = engine.manifest, engine.record
    check(manifest)
    inference = inference.for_model(manifest)
    reach = Reach.of(manifest.decoder)
    threads = spread.threads if here else 1
    job = HeadsJob(model, maker(record), threads, reach, inference, files.images, files.password)
    with _open_folder(cache, _model_key(manifest, record, reach, inference)) as folder:
        chunks = {folder / f"{_key(chunk)}{SUFFIX}": chunk for chunk in _chunks(files)}
        image_ids = tuple(file.image_id for file in files.files)
        store = HeadStore(manifest, record, reach, inference, image_ids, tuple(chunks))
        _fill(store, chunks, job, spread, progress)
        yield store


@contextmanager
def _open_folder(cache: Path | None, name: str) -> Iterator[Path]:
    """Choose the folder for the heads of one model: that of this name in a cache, or a temporary one."""
    if cache is None:
        cache = _users_cache(name) or NO_CACHE
    if cache != NO_CACHE:
        yield cache / name
        return
    with tempfile.TemporaryDirectory(prefix="deepmark-") as temporary:
        yield Path(temporary) / name


def _users_cache(name: str) -> Path | None:
    """Make a folder of this name in the user's cache and give the cache; None, and a warning, where that cannot be."""
    cache = None
    try:
        cache = cache_folder() / "heads"
        (cache / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache / name):
            pass
    except (RuntimeError, OSError) as error:
        why = f"{cache}: {error.strerror}" if isinstance(error, OSError) else str(error)
        logger.warning(
            "the cache folder cannot be written (%s): outputs of the network go to %s and are removed at the end;"
            " --cache DIR keeps them, and DEEPMARK_CACHE names another cache folder",
            why,
            tempfile.gettempdir(),
        )
        return None
    make_room(cache, cache / name)
    return cache


def _fill(store: HeadStore, chunks: Mapping[Path, Chunk], job: HeadsJob, spread: Spread, progress: Progress) -> None:
    """Make the files that are not there."""
    missing = {chunk: path for path, chunk in chunks.items() if not store.holds(path)}
    found = len(store) - sum(map(len, missing))
    if found:
        logger.info("heads of %d pictures were there, in %s", found, next(iter(chunks)).parent)
    if not missing:
        return
    folder = next(iter(chunks)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before hours of work that could not be kept
    except OSError as error:
        raise cannot_write(folder, error) from error
    with (
        progress("detecting", len(store) - found, "pictures") as advance,
        closing(_spread(job, list(missing), spread)) as done,
    ):
        for chunk, content in done:
            write_whole(missing[chunk], content)
            advance(len(chunk))


def _spread(job: HeadsJob, chunks: Sequence[Chunk], spread: Spread) -> Done[Chunk, bytes]:
    if spread.cluster is not None:
        from deepmark.models.evaluation.cluster import do_on_cluster

        return do_on_cluster(job, chunks, spread.cluster)
    if spread.workers is not None:
        return do_in_processes(job, chunks, spread.workers)
    return do_here(job, chunks)


def _chunks(files: PictureFiles) -> Iterator[Chunk]:
    for start in range(0, len(files.files), CHUNK):
        yield files.files[start : start + CHUNK]


def _model_key(manifest: Manifest, record: EngineRecord, reach: Reach, inference: MultiInference) -> str:
    """Name everything but the pictures that decides heads, and how much of them is kept."""
    of_model = (manifest.input, manifest.preprocess, manifest.heads, manifest.keypoints)
    return _digest((maker(record), *of_model, reach, inference))


def _key(chunk: Chunk) -> str:
    return _digest([(file.image_id, file.fingerprint) for file in chunk])


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()


def make_room(cache: Path, keep: Path, *, most: int = MOST_BYTES, now: float | None = None) -> None:
    """Remove the heads of models that were not used for longest, until the cache fits; what cannot go stays.

    Args:
        cache: folder with one folder of heads for each model; folders with other files in them are left alone.
        keep: folder in use; it counts as used now.
        most: largest number of bytes that the cache may take.
        now: time in seconds since 1970; None for the clock's.
    """
    now = time.time() if now is None else now
    keep.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # another user's folder, in which this one may write
        os.utime(keep, (now, now))
    folders = [one for folder in cache.iterdir() if (one := _measure(folder)) is not None]
    total = sum(one.size for one in folders)
    for one in sorted(folders, key=lambda one: one.used_at):
        if total <= most:
            return
        if one.path == keep or now - one.used_at < IN_USE_S:
            continue
        logger.info("removing %s, %.1f GB of heads that were not used for longest", one.path, one.size / 1e9)
        shutil.rmtree(one.path, ignore_errors=True)
        total -= one.size


@dataclass(frozen=True, slots=True)
class _CachedModel:
    """A folder of heads: its size in bytes, and when it was last used in seconds since 1970."""

    path: Path
    size: int
    used_at: float


def _measure(folder: Path) -> _CachedModel | None:
    """Look at a folder of heads; None if it is none, may not be read, or is just being removed by another program."""
    try:
        if not folder.is_dir():
            return None
        files = list(folder.iterdir())
        if not all(file.suffix == SUFFIX for file in files):
            return None
        return _CachedModel(folder, sum(file.stat().st_size for file in files), folder.stat().st_mtime)
    except OSError:
        return None
