"""Heads in a cache: computed once, the same as a detector's, and never another model's or picture's."""

from __future__ import annotations

import hashlib
import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from full_disk import room_for
from media_files import read_image, stored_with_orientation

from deepmark.console import Advance
from deepmark.errors import DataError, DeepMarkError
from deepmark.models.datasets.deepfashion2 import Dataset, open_dataset
from deepmark.models.evaluation.heads_job import ModelRequest, PictureFiles, maker
from deepmark.models.evaluation.prediction import detect_all, find_all
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.store import NO_CACHE, HeadStore, Spread, collect_heads
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detector import Detector
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Preprocess
from deepmark.runtime.media.picture_file import decode_picture
from deepmark.runtime.multi_inference import SINGLE, MultiInference
from deepmark.runtime.preprocess import PREPROCESSING, normalise
from deepmark.runtime.transform import letterbox

SCHEMA = KeypointSchema.deepfashion2()


class Counting:
    """Counts the pictures that a network looks at."""

    def __init__(self) -> None:
        self.pictures = 0

    @contextmanager
    def __call__(self, label: str, total: int | None, unit: str, /) -> Iterator[Advance]:  # noqa: ARG002
        def advance(count: int = 1, /) -> None:
            self.pictures += count

        yield advance


def files_of(folder: Path, count: int | None = None) -> PictureFiles:
    dataset = open_dataset(folder, folder)
    return PictureFiles.of(dataset, folder, dataset.ids[:count])


def computed(bundle: Path, files: PictureFiles, cache: Path | None = None) -> tuple[int, tuple[ClassResults, ...]]:
    """Say how many pictures the network looked at, and what was found."""
    counting = Counting()
    with collect_heads(ModelRequest(bundle), files, cache=cache, progress=counting) as store:
        return counting.pictures, detect_all(store, SCHEMA, store.manifest.decoder)


def assert_equal(one: tuple[ClassResults, ...], two: tuple[ClassResults, ...]) -> None:
    assert sum(map(len, one)) > 0
    for left, right in zip(one, two, strict=True):
        for name in ("image_ids", "scores", "boxes", "keypoints"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


@pytest.fixture
def dataset(forty: Path) -> Dataset:
    return open_dataset(forty, forty)


@pytest.mark.slow
@pytest.mark.parametrize("params", [DecoderParams(nms="soft"), DecoderParams.baseline(), DecoderParams(nms="hard")])
def test_stored_heads_give_what_a_detector_finds(
    small_bundle: Path, forty: Path, dataset: Dataset, params: DecoderParams, tmp_path: Path
) -> None:
    expected = find_all(Detector(small_bundle, threads=2, params=params), dataset, dataset.ids)

    with collect_heads(ModelRequest(small_bundle), files_of(forty), cache=tmp_path) as store:
        found = detect_all(store, SCHEMA, params)
        assert len(store) == 40
        assert [one.image_id for one in store] == list(store.image_ids) == list(dataset.ids)

    assert_equal(found, expected)


LOOKS = [
    MultiInference(flip=True),
    MultiInference(scales=(0.5, 1.0)),
    MultiInference(flip=True, scales=(0.85, 1.1), scales_mode="keep"),
]


@pytest.mark.slow
@pytest.mark.parametrize("inference", LOOKS, ids=MultiInference.describe)
def test_stored_heads_of_several_looks_give_what_a_detector_finds(
    small_bundle: Path, forty: Path, dataset: Dataset, inference: MultiInference, tmp_path: Path
) -> None:
    params = DecoderParams(nms="soft")
    with load_engine(small_bundle, threads=1) as engine:
        detector = Detector(
            engine,
            params=params,
            flip=inference.flip,
            scales=inference.scales,
            scales_mode=inference.scales_mode,
        )
        expected = find_all(detector, dataset, dataset.ids[:10])
    files, counting = files_of(forty, 10), Counting()
    with collect_heads(ModelRequest(small_bundle), files, inference=inference, cache=tmp_path) as store:
        assert store.inference == replace(inference, fit="square")  # the bundle's own
        assert_equal(detect_all(store, SCHEMA, params), expected)
    with collect_heads(
        ModelRequest(small_bundle), files, inference=inference, cache=tmp_path, progress=counting
    ) as store:
        assert_equal(detect_all(store, SCHEMA, params), expected)
    assert not counting.pictures


def test_heads_of_other_looks_are_others(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    for inference in (SINGLE, *LOOKS):
        counting = Counting()
        with collect_heads(
            ModelRequest(small_bundle), files_of(forty, 2), inference=inference, cache=tmp_path, progress=counting
        ):
            assert counting.pictures == 2, inference.describe()
    assert len(list(tmp_path.iterdir())) == 1 + len(LOOKS)


@pytest.mark.slow
def test_what_is_there_is_not_computed_again(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    first = computed(small_bundle, files_of(forty, 20), tmp_path)
    second = computed(small_bundle, files_of(forty), tmp_path)
    third = computed(small_bundle, files_of(forty), tmp_path)

    assert (first[0], second[0], third[0]) == (20, 24, 0)  # whole chunks of 16
    assert_equal(second[1], third[1])


def test_without_a_cache_nothing_stays(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    with collect_heads(ModelRequest(small_bundle), files_of(forty, 3), cache=NO_CACHE) as store:
        paths = store.paths
        assert all(path.exists() for path in paths)

    assert not any(path.exists() for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"deepmark heads 1\n", None])
def test_a_damaged_file_is_made_again(
    small_bundle: Path, forty: Path, tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    _, expected = computed(small_bundle, files_of(forty), tmp_path)
    one = min(tmp_path.rglob("*.heads"))
    content = one.read_bytes()
    one.write_bytes(content[:-1] if damage is None else damage)

    again, found = computed(small_bundle, files_of(forty), tmp_path)

    assert again in {8, 16}
    assert "is made again" in caplog.text
    assert one.read_bytes() == content
    assert_equal(found, expected)


@pytest.mark.slow
def test_a_changed_picture_makes_its_own_chunk_again(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    folder, cache = tmp_path / "set", tmp_path / "cache"
    shutil.copytree(forty, folder)
    computed(small_bundle, files_of(folder), cache)
    shutil.copy(folder / "image" / "000001.jpg", folder / "image" / "000020.jpg")

    assert computed(small_bundle, files_of(folder), cache)[0] == 16


@pytest.mark.slow
def test_a_copied_data_set_is_the_same(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    computed(small_bundle, files_of(forty), tmp_path / "cache")
    shutil.copytree(forty, tmp_path / "set")

    assert computed(small_bundle, files_of(tmp_path / "set"), tmp_path / "cache")[0] == 0


@pytest.mark.slow
def test_other_decoder_parameters_need_no_network_and_another_model_does(
    small_bundle: Path, forty: Path, tmp_path: Path
) -> None:
    from small_models import deepfashion2_bundle

    computed(small_bundle, files_of(forty), tmp_path / "cache")
    other = deepfashion2_bundle(tmp_path / "other", KeypointSchema.deepfashion2(81))

    assert computed(other, files_of(forty), tmp_path / "cache")[0] == 40


@pytest.mark.parametrize("changed", ["OpenCV", "build", "Pillow", "NumPy", "pre-processing"])
def test_what_reads_pictures_makes_other_heads_and_going_back_finds_the_old_ones(
    small_bundle: Path, forty: Path, tmp_path: Path, changed: str
) -> None:
    files = files_of(forty, 1)
    assert computed(small_bundle, files, tmp_path)[0] == 1

    with pytest.MonkeyPatch.context() as patch:
        if changed == "OpenCV":
            patch.setattr("cv2.__version__", "4.0.1")
        elif changed == "build":
            patch.setattr("cv2.getBuildInformation", lambda: "libjpeg-turbo (ver 1.0)")
        elif changed == "Pillow":
            patch.setattr("PIL.__version__", "1.0.1")
        elif changed == "NumPy":
            patch.setattr("numpy.__version__", "1.0.1")
        else:
            patch.setattr("deepmark.models.evaluation.heads_job.PREPROCESSING", PREPROCESSING + 1)
        assert computed(small_bundle, files, tmp_path)[0] == 1

    assert computed(small_bundle, files, tmp_path)[0] == 0


@pytest.mark.slow
def test_a_picture_that_is_stored_turned_gives_the_same_results(
    small_bundle: Path, forty: Path, tmp_path: Path
) -> None:
    found = []
    for orientation in (1, 6):
        folder = tmp_path / str(orientation)
        shutil.copytree(forty / "annos", folder / "annos")
        (folder / "image").mkdir()
        for path in sorted((forty / "image").iterdir())[:2]:
            content = stored_with_orientation(read_image(path)[:, :48], "PNG", orientation)
            (folder / "image" / f"{path.stem}.png").write_bytes(content)
        found.append(computed(small_bundle, files_of(folder, 2), NO_CACHE)[1])

    assert_equal(*found)


def test_settings_of_the_engine_and_its_threads_make_other_heads(small_bundle: Path) -> None:
    with ModelRequest(small_bundle).open(1) as engine:
        record = engine.record

    assert maker(replace(record, settings={**record.settings, "winograd_level": 0})) != maker(record)
    assert maker(replace(record, threads=4)) != maker(record)
    assert maker(replace(record, threads_asked=8)) == maker(record)


def exact_picture(kind: str) -> bytes:
    """A picture of 64 x 64 pixels that every decoder gives the same pixels of, in a JPEG too: its blocks are flat."""
    grey = np.add.outer(np.arange(8, dtype=np.uint8) * 8, np.arange(8, dtype=np.uint8) * 16).repeat(8, 0).repeat(8, 1)
    colours = np.dstack([grey, grey.T, 255 - grey])
    if kind == "turned jpeg":
        plain = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
        tags = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
        return plain[:2] + b"\xff\xe1" + (len(tags) + 2).to_bytes(2, "big") + tags + plain[2:]
    if kind == "turned transparent":
        return stored_with_orientation(np.dstack([colours, grey]), "PNG", 6)
    pixels = {
        "colours": colours,
        "grey": grey,
        "transparent": np.dstack([colours, grey]),
        "16 bits": colours.astype(np.uint16) * 257,
    }[kind]
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_the_number_of_the_pre_processing_rises_when_the_network_is_given_other_numbers() -> None:
    """After a change: raise `PREPROCESSING`, then put the new digest here."""
    digest = hashlib.sha256()
    for kind in ("colours", "grey", "transparent", "16 bits", "turned jpeg", "turned transparent"):
        picture, _ = letterbox(decode_picture(exact_picture(kind), source=kind), (64, 64))
        digest.update(normalise(picture, Preprocess()).tobytes())

    assert (PREPROCESSING, digest.hexdigest()[:16]) == (3, "c642281ccdb1f0dc")


@pytest.mark.parametrize("why", ["a file in the way", "no home"])
def test_without_a_cache_folder_heads_go_to_a_temporary_one_and_a_warning_says_so(
    small_bundle: Path, forty: Path, tmp_path: Path, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.MonkeyPatch.context() as patch:
        if why == "no home":
            patch.setattr("deepmark.models.evaluation.store.cache_folder", no_home)
        else:
            patch.setenv("DEEPMARK_CACHE", str(tmp_path / "file" / "cache"))
        assert computed(small_bundle, files_of(forty, 1))[0] == 1

    assert [one.getMessage().partition(": outputs")[0] for one in caplog.records if one.levelname == "WARNING"] == [
        "the cache folder cannot be written (Could not determine home directory.)"
        if why == "no home"
        else f"the cache folder cannot be written ({tmp_path / 'file' / 'cache' / 'heads'}: Not a directory)"
    ]


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_cache_folder_that_was_asked_for_and_cannot_be_made_is_refused_before_the_work(
    small_bundle: Path, forty: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    counting = Counting()
    with (
        pytest.raises(DeepMarkError, match=r"cannot write .*file/cache"),
        collect_heads(
            ModelRequest(small_bundle), files_of(forty), cache=tmp_path / "file" / "cache", progress=counting
        ),
    ):
        pass

    assert counting.pictures == 0


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_no_half_file(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    files = files_of(forty)
    with room_for(4096), pytest.raises(DeepMarkError, match="cannot write"):
        computed(small_bundle, files, tmp_path)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_file_that_goes_while_it_is_read_is_named(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    with collect_heads(ModelRequest(small_bundle), files_of(forty), cache=tmp_path) as store:
        store.paths[1].unlink()
        with pytest.raises(DataError, match=r"\.heads cannot be read any more"):
            list(store)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pictures(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    def peak(store: HeadStore) -> int:
        tracemalloc.start()
        for picture in store:
            picture.detect(store.manifest.decoder)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    with collect_heads(ModelRequest(small_bundle), files_of(forty, 16), cache=tmp_path) as store:
        peak(store)  # what is loaded at the first use
        few, many = (peak(replace(store, paths=store.paths * times)) for times in (2, 12))

    assert many < 1.2 * few


def test_a_broken_picture_is_named(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    shutil.copytree(forty, tmp_path / "set")
    picture = tmp_path / "set" / "image" / "000003.jpg"
    picture.write_bytes(picture.read_bytes()[:700])

    with pytest.raises(DataError, match=r"000003\.jpg"):
        computed(small_bundle, files_of(tmp_path / "set"), tmp_path / "cache")


def test_a_worker_with_another_version_is_refused(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    from deepmark.errors import EngineError
    from deepmark.models.evaluation.compact_heads import Reach
    from deepmark.models.evaluation.heads_job import HeadsJob

    job = HeadsJob(ModelRequest(small_bundle), ("onnxruntime", "0.1"), 1, Reach(), SINGLE, forty, None)
    with pytest.raises(EngineError, match=r"expected onnxruntime, 0\.1"), job.open():
        pass


@pytest.mark.slow
def test_processes_give_the_same_bytes(small_bundle: Path, forty: Path, tmp_path: Path) -> None:
    def contents(name: str, spread: Spread) -> dict[str, bytes]:
        with collect_heads(ModelRequest(small_bundle), files_of(forty), spread=spread, cache=tmp_path / name) as store:
            return read(store)

    assert contents("one", Spread(threads=1)) == contents("two", Spread(workers=2))


def read(store: HeadStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.paths}
