"""The detector: from pictures of any size to objects in their own pixels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from media_files import read_image
from tiny import CHANNELS, Tiny

from deepmark.errors import BundleError, DataError, UsageError
from deepmark.runtime import DecoderParams, Detections, Detector, load_engine
from deepmark.runtime.arrays import F32
from deepmark.runtime.bundle import Backend
from deepmark.runtime.decoding.params import Nms
from deepmark.runtime.engines.engine import Engine, EngineRecord, SessionFacts
from deepmark.runtime.manifest import Manifest


class FixedHeads:
    """A session that finds the same thing in every picture."""

    facts = SessionFacts("0", "CPU", 1, "fp32", {})

    def __init__(self, heads: Mapping[str, F32]) -> None:
        self.heads = heads

    def output_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int | None, ...]]:  # noqa: ARG002
        return {name: head.shape for name, head in self.heads.items()}

    def run(self, x: F32) -> dict[str, F32]:  # noqa: ARG002
        return dict(self.heads)

    def close(self) -> None:
        pass


@pytest.fixture
def heads() -> dict[str, F32]:
    """Empty heads of the tiny network, 16x24 cells."""
    return {name: np.zeros((1, count, 16, 24), np.float32) for name, count in CHANNELS.items()}


def put_top(heads: dict[str, F32], row: int, column: int, score: float, size: float = 8) -> None:
    """Put a "top" with its centre on a cell, and its two landmarks 2 cells left and right of it."""
    heads["hm"][0, 0, row, column] = score
    heads["wh"][0, :, row, column] = size
    for group, shift in enumerate((-2, 2)):
        heads["hps"][0, 2 * group, row, column] = shift
        heads["hm_hp"][0, group, row, column + shift] = 0.9


def detector(manifest: Manifest, heads: dict[str, F32], params: DecoderParams) -> Detector:
    record = EngineRecord("mnn", "0", "CPU", 1, 1, "fp32", {}, "model.mnn", "0" * 64)
    return Detector(Engine(FixedHeads(heads), manifest, record), params=params)


BASELINE = DecoderParams(alpha=1.0, sigma_center=0.0, sigma_keypoint=0.0, gamma=1.0, mask=False, score_threshold=0.05)


@pytest.mark.parametrize(
    ("picture_hw", "pixels_per_cell", "left", "top"),
    [
        ((64, 96), 4, 0, 0),  # the network's own size
        ((640, 960), 40, 0, 0),
        ((300, 960), 40, 0, -170),  # 340 input rows of picture pixels more than the picture has, half of them above
        ((192, 192), 12, -48, 0),  # square: whole in the middle of the input, black left and right
    ],
)
def test_objects_come_in_the_picture_s_own_pixels(
    tiny_manifest: Manifest,
    heads: dict[str, F32],
    picture_hw: tuple[int, int],
    pixels_per_cell: float,
    left: float,
    top: float,
) -> None:
    put_top(heads, row=6, column=10, score=0.8)
    found = detector(tiny_manifest, heads, BASELINE)(np.zeros((*picture_hw, 3), np.uint8))
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.scores, [0.8], rtol=1e-6)
    to_pixels = np.array([pixels_per_cell, pixels_per_cell]), np.array([left, top])
    corners = np.array([[10 - 4, 6 - 4], [10 + 4, 6 + 4]]) * to_pixels[0] + to_pixels[1]
    np.testing.assert_allclose(found.boxes, [corners.ravel()], atol=1e-3)
    landmarks = np.array([[8, 6], [12, 6]]) * to_pixels[0] + to_pixels[1]
    np.testing.assert_allclose(found.keypoints[0], landmarks, atol=1e-3)
    assert found.refined[0].tolist() == [True, True]


def test_nothing_found_is_no_object(tiny_manifest: Manifest, heads: dict[str, F32]) -> None:
    found = detector(tiny_manifest, heads, BASELINE)(np.zeros((50, 70, 3), np.uint8))
    assert len(found) == 0
    assert (found.boxes.shape, found.keypoints) == ((0, 4), ())


@pytest.mark.parametrize(("nms", "left_over"), [(None, 2), ("hard", 1), ("soft", 2)])
def test_suppression_is_the_manifest_s_and_happens_once(
    tiny_manifest: Manifest, heads: dict[str, F32], nms: Nms | None, left_over: int
) -> None:
    put_top(heads, row=6, column=8, score=0.8)
    put_top(heads, row=6, column=10, score=0.6)  # IoU .6 with the first
    manifest = msgspec.structs.replace(tiny_manifest, decoder=replace(BASELINE, nms=nms))
    record = EngineRecord("mnn", "0", "CPU", 1, 1, "fp32", {}, "model.mnn", "0" * 64)
    found = Detector(Engine(FixedHeads(heads), manifest, record))(np.zeros((640, 960, 3), np.uint8))
    assert len(found) == left_over
    assert found.scores[0] == pytest.approx(0.8)
    if nms == "soft":
        width, high = 80 * 4, 80 * 4  # one object in pixels; the other lies 80 to its right
        inter = (width - 80 + 1) * (high + 1)
        iou = inter / (2 * (width + 1) * (high + 1) - inter)
        assert found.scores[1] == pytest.approx(0.6 * np.exp(-(iou**2) / 0.5), rel=1e-4)


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_what_is_found_in_a_shape_does_not_depend_on_the_shapes_before(tiny: Tiny, backend: Backend) -> None:
    """As in a camera that is turned, or a folder of many shapes."""
    frames = [
        np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8) for shape in ((90, 30), (30, 90), (9, 9))
    ]
    lasting = Detector(tiny.bundle, threads=1, backend=backend, params=BASELINE, fit="rect", flip=True)
    turning = [lasting(frame) for frame in (*frames, *frames[::-1])]
    for frame, *found in zip(frames, turning[:3], turning[:2:-1], strict=True):
        alone = Detector(tiny.bundle, threads=1, backend=backend, params=BASELINE, fit="rect", flip=True)(frame)
        for one in found:
            assert len(alone) == len(one) > 0
            np.testing.assert_array_equal(one.boxes, alone.boxes)


def test_params_may_differ_from_the_manifest_s(tiny: Tiny) -> None:
    own = DecoderParams.baseline()
    assert Detector(tiny.bundle, threads=1, params=own).params is own
    assert Detector(tiny.bundle, threads=1).params == tiny.manifest.decoder


def test_it_says_what_runs_and_what_it_finds(tiny: Tiny) -> None:
    one = Detector(tiny.bundle, threads=1, backend="onnxruntime")
    assert one.record.backend == "onnxruntime"
    assert one.schema.class_names == ("top", "skirt")


def test_a_loaded_engine_is_taken_as_it_is(tiny: Tiny) -> None:
    with load_engine(tiny.bundle, threads=1) as engine:
        assert Detector(engine).engine is engine
        with pytest.raises(TypeError, match="were chosen when the engine was loaded"):
            Detector(engine, threads=2)


@pytest.mark.parametrize("image", [None, np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32)])
def test_what_is_no_picture_is_refused(tiny: Tiny, image: object) -> None:
    with pytest.raises(DataError, match="a picture must be a uint8 array"):
        Detector(tiny.bundle, threads=1)(image)  # type: ignore[arg-type]  # on purpose


def test_a_corrupt_model_raises(tiny: Tiny, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny.bundle, tmp_path / "a.deepmark"))
    content = bytearray((bundle / "model.mnn").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.mnn").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.mnn is damaged"):
        Detector(bundle)


def assert_equal(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    for one, other in zip(found.keypoints, expected.keypoints, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_several_threads_may_share_a_detector(tiny: Tiny, backend: Backend) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (int(h), int(w), 3), np.uint8) for h, w in rng.integers(20, 200, (8, 2))]
    shared = Detector(tiny.bundle, threads=1, backend=backend)
    expected = [shared(picture) for picture in pictures]
    assert sum(map(len, expected)) > 0
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(shared, pictures * 4), expected * 4, strict=True):
            assert_equal(found, right)


@pytest.mark.slow
def test_the_demo_finds_the_same_in_both_engines(demo_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:

    mnn, onnxruntime = (Detector(demo_bundle, backend=backend) for backend in ("mnn", "onnxruntime"))
    for path in demo_pictures:
        picture = read_image(path)
        one, other = (
            found.select(np.flatnonzero(found.scores > 0.2)) for found in (mnn(picture), onnxruntime(picture))
        )
        assert one.class_ids.tolist() == other.class_ids.tolist() != []
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.1)


# --- several looks at a picture ---


def photo(height: int = 100, width: int = 140) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    return np.kron(blocks, np.ones((10, 10, 1), np.uint8))


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_a_flip_test_in_one_run_or_in_two_finds_the_same(tiny: Tiny, backend: Backend) -> None:
    with load_engine(tiny.bundle, threads=1, backend=backend) as engine:
        found = []
        for engine.together in (False, True):
            found.append(Detector(engine, flip=True)(photo()))
    assert len(found[0]) > 5
    np.testing.assert_allclose(found[0].scores, found[1].scores, atol=1e-5)
    np.testing.assert_allclose(found[0].boxes, found[1].boxes, atol=1e-2)


def test_a_flip_test_runs_the_network_on_the_mirrored_input(
    tiny_manifest: Manifest, heads: dict[str, F32], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[F32] = []
    run = FixedHeads.run

    def watched(self: FixedHeads, x: F32) -> dict[str, F32]:
        seen.append(x.copy())
        return run(self, x)

    monkeypatch.setattr(FixedHeads, "run", watched)
    put_top(heads, row=8, column=6, score=0.8)
    record = EngineRecord("mnn", "0", "CPU", 1, 1, "fp32", {}, "model.mnn", "0" * 64)
    found = Detector(Engine(FixedHeads(heads), tiny_manifest, record), params=BASELINE, flip=True)(photo())
    np.testing.assert_array_equal(seen[0], seen[1][..., ::-1])
    assert found.scores.tolist() == pytest.approx([0.4, 0.4]), "the same heads mean an object on either side"


def test_objects_of_several_scales_are_merged_in_the_picture_s_pixels(
    tiny_manifest: Manifest, heads: dict[str, F32]
) -> None:
    """The same heads at half the scale mean an object twice as large, twice as far from the middle."""
    put_top(heads, row=8, column=18, score=0.8)
    record = EngineRecord("mnn", "0", "CPU", 1, 1, "fp32", {}, "model.mnn", "0" * 64)
    engine = Engine(FixedHeads(heads), tiny_manifest, record)
    found = Detector(engine, params=BASELINE, scales=(1.0, 0.5))(np.zeros((64, 96, 3), np.uint8))
    assert len(found) == 2
    sizes = found.boxes[:, 2] - found.boxes[:, 0]
    middles = (found.boxes[:, 2] + found.boxes[:, 0]) / 2 - 48
    np.testing.assert_allclose(sizes, [32, 64])
    np.testing.assert_allclose(middles[1], 2 * middles[0])
    assert found.scores[1] < found.scores[0] == pytest.approx(0.8), "they overlap, and one decays the other"


@pytest.mark.parametrize("scales", [1.0, "1", ["a"]])
def test_scales_that_are_no_sequence_of_numbers_are_refused(tiny: Tiny, scales: Any) -> None:
    with pytest.raises(UsageError, match="scales must be a sequence of numbers, found"):
        Detector(tiny.bundle, scales=scales)


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_a_kept_picture_is_looked_at_in_inputs_of_many_sizes(tiny: Tiny, backend: Backend) -> None:
    one = Detector(tiny.bundle, threads=1, backend=backend, scales=(0.5, 1.0, 1.3), scales_mode="keep", flip=True)
    first, again = one(photo()), one(photo())
    assert len(first) > 5
    np.testing.assert_array_equal(first.boxes, again.boxes)
    np.testing.assert_array_equal(first.scores, again.scores)


def test_what_the_model_cannot_do_is_refused_before_it_is_loaded(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="this model takes 64x96 only"):
        Detector(tiny.fixed_mnn, scales_mode="keep")
    with pytest.raises(UsageError, match="a scale of 20 is not possible"):
        Detector(tiny.bundle, scales=(20.0,))
    with pytest.raises(DataError, match="needs an input of 4032x5024"):
        Detector(tiny.bundle, threads=1, scales_mode="keep")(np.zeros((5000, 4000, 3), np.uint8))
