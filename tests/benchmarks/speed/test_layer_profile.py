"""``deepmark bench --layers``: every operator by name, with its share of the time and its multiply-adds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from outcome import Deepmark

from deepmark.benchmarks.speed.layer_child import measure
from deepmark.benchmarks.speed.layer_profile import LayerJob, LayerProfile, layer_name, profile_layers

QUICK = ("--layers", "--runs", "3", "--seconds", "1")


@pytest.fixture(scope="module")
def profiles(tiny_bundle: Path) -> list[LayerProfile]:
    sizes = ((64, 64), (64, 96))
    return profile_layers([tiny_bundle], engines="all", sizes=sizes, threads=(1,), cores="auto", runs=3, seconds=1)


def test_each_engine_and_size_has_a_profile(profiles: list[LayerProfile]) -> None:
    assert sorted((one.engine, one.size) for one in profiles) == [
        ("mnn", (64, 64)), ("mnn", (64, 96)), ("onnxruntime", (64, 64)), ("onnxruntime", (64, 96)),
    ]  # fmt: skip
    for one in profiles:
        assert one.runs >= 3
        assert one.total_ms == pytest.approx(sum(row.ms for row in one.layers), abs=1e-3)
        times = [row.ms for row in one.layers]
        assert times == sorted(times, reverse=True)
        assert min(times) >= 0


def test_both_engines_count_the_multiply_adds_of_the_network(profiles: list[LayerProfile]) -> None:
    """Of one layer: 3 to 8 channels, a kernel of 3x3, a quarter of the pixels. ONNX Runtime may compute 16 channels."""
    for one in profiles:
        height, width = one.size
        (stem,) = [row for row in one.layers if row.name.startswith("stem") and row.multiply_adds is not None]
        assert stem.multiply_adds is not None
        times = stem.multiply_adds / (8 * 3 * 9 * height * width / 4 / 1e6)
        assert times == pytest.approx(1, rel=1e-2) or (one.engine, round(times)) == ("onnxruntime", 2)
        assert stem.shape[2:] == (height // 2, width // 2)
        assert stem.rate is not None
    per_pixel = {round(one.multiply_adds / (one.size[0] * one.size[1]), 6) for one in profiles if one.engine == "mnn"}
    assert max(per_pixel) == pytest.approx(min(per_pixel), rel=1e-3)


def test_layers_have_the_names_of_their_modules(profiles: list[LayerProfile]) -> None:
    for one in profiles:
        names = {row.name for row in one.layers}
        assert {"hm", "hps"} <= {name.partition(".")[0] for name in names}
        assert {"stem", "level", "deep"} <= {name.partition(".")[0] for name in names}
        assert not any(name.startswith("/") or "_output_" in name for name in names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/network/base/level2/tree2/Add_output_0", "base.level2.tree2"),
        ("/network/base/level2/root/conv/Conv_output_0_raster_0", "base.level2.root.conv"),
        ("/network/base/base_layer/base_layer.0/Conv/gather", "base.base_layer.0.gather"),
        ("ReorderInput_token_3_kernel_time", "ReorderInput_token_3"),
        ("hm_hp", "hm_hp"),
    ],
)
def test_names_are_those_of_modules(name: str, expected: str) -> None:
    assert layer_name(name) == expected


def test_a_table_shows_the_slowest_first_and_what_they_add_up_to(deepmark: Deepmark, tiny_bundle: Path) -> None:
    outcome = deepmark("bench", tiny_bundle / "model.mnn", *QUICK)
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    for word in ("GMAC/s", "million MAC", "total", "100.0%", "level.0", "Convolution", "1 thread"):
        assert word in outcome.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--against", "ncnn"), "--against does not go with --layers"),
        (("--flip",), "--flip does not go with --layers"),
        (("--size", "65"), "must be multiples of 32"),
        (("--cores", "900"), "--cores 900"),
    ],
)
def test_what_it_cannot_do_is_said(deepmark: Deepmark, tiny_bundle: Path, options: tuple[str, ...], words: str) -> None:
    outcome = deepmark("bench", tiny_bundle, "--layers", *options)
    assert outcome.code in (1, 2)
    assert words in outcome.err


def test_json_has_every_operator(deepmark: Deepmark, tiny_bundle: Path) -> None:
    outcome = deepmark("bench", tiny_bundle, *QUICK, "--backend", "onnxruntime", "--json")
    (found,) = msgspec.json.decode(outcome.out, type=list[LayerProfile])
    assert found.engine == "onnxruntime"
    assert len(found.layers) > 10


def test_a_damaged_model_is_an_error_and_no_crash(deepmark: Deepmark, tiny_bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.deepmark"
    shutil.copytree(tiny_bundle, bad)
    (bad / "model.mnn").write_bytes((bad / "model.mnn").read_bytes()[:5000])
    outcome = deepmark("bench", bad, "--layers")
    assert outcome.code == 1
    assert "model.mnn" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("engine", ["mnn", "onnxruntime"])
def test_a_child_runs_no_longer_than_it_may(tiny_bundle: Path, engine: str) -> None:
    file = "model.mnn" if engine == "mnn" else "model.onnx"
    job = msgspec.convert(
        {
            "path": str(tiny_bundle / file), "engine": engine, "size": (64, 64), "threads": 1, "winograd": 0,
            "cores": (), "runs": 1000, "seconds": 0.0,
        },
        LayerJob,
    )  # fmt: skip
    answer = measure(job)
    assert answer.runs == 3
    assert json.loads(msgspec.json.encode(answer))["operators"]
