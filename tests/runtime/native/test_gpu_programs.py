"""The C++ programs on GPUs that are software: what ran where, whether it is right, and what is refused.

Letters in brackets are rows of the table in docs/hazards.md.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpu_models import sampling_bundle
from media_files import encoded, read_image
from native_programs import Run
from sealed_manifest import change_manifest
from tiny import Tiny, write_bundle
from tiny_deformable import tiny_deformable
from tiny_network import export_loaded, tiny_loaded

from deepmark.runtime import Detector

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("software_gpus")]

QUICK = ("--gpu-tuning", "none")
VULKAN = ("--compute", "vulkan", *QUICK)
OPENCL = ("--compute", "opencl", *QUICK)
BUFFER = (*OPENCL, "--opencl-storage", "buffer")


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's bundle with golden vectors, whose model gives all heads in one output."""
    folder = tmp_path_factory.mktemp("joined")
    return export_loaded(folder, tiny_loaded(), to=("mnn",), size=(64, 96), heads="dense", target="gpu").path


@pytest.fixture(scope="module")
def picture(demo_pictures: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "one.ppm"
    path.write_bytes(encoded(read_image(demo_pictures[0]), ".ppm"))
    return path


@pytest.mark.parametrize(
    ("words", "place"),
    [(OPENCL, "Mali-G76 (OpenCL, IMAGE)"), (VULKAN, "(Vulkan, IMAGE)")],
    ids=["opencl", "vulkan"],
)
def test_every_operator_runs_there_and_the_vectors_are_right(
    run: Run, proven: Path, words: tuple[str, ...], place: str
) -> None:
    code, lines, printed = run("dm_verify", proven, *words)
    assert code == 0, printed
    *vectors, end = lines
    assert all(line["equal"] for line in vectors)
    assert max(head["tolerance_used"] for line in vectors for head in line["heads"].values()) < 0.1
    assert (end["precision"], end["compute"]) == ("fp32", words[1])
    assert end["kept"] == end["seen"] > 0
    gpu = end["gpu"]
    assert gpu["placement"].endswith(place)
    assert gpu["placement"].startswith(f"{gpu['operators']} of {gpu['operators']} operators on ")
    assert gpu["on_cpu"] == 0
    assert gpu["driver"]
    assert min(gpu["create_ms"], gpu["resize_ms"], gpu["first_ms"]) >= 0


@pytest.mark.parametrize("words", [(), OPENCL, BUFFER, VULKAN], ids=["cpu", "opencl", "buffer", "vulkan"])
def test_joined_heads_are_told_apart(run: Run, joined: Path, words: tuple[str, ...]) -> None:
    code, lines, printed = run("dm_verify", joined, *words)
    assert code == 0, printed
    assert max(head["tolerance_used"] for line in lines[:-1] for head in line["heads"].values()) < 0.1


@pytest.mark.parametrize(
    ("words", "copies"), [(OPENCL, 1), (BUFFER, 1), (VULKAN, 2)], ids=["opencl", "buffer", "vulkan"]
)
def test_joined_heads_come_out_in_one_copy(
    run: Run,
    joined: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    copies: int,
) -> None:
    """What one more run adds at the driver: OpenCL's reads, and Vulkan's copies in and out."""
    monkeypatch.setenv("SHIM_LOG", str(tmp_path / "log"))
    for runs in (1, 2):
        words_of_bench = ("--pictures", picture.parent, *words, "--warm-up-runs", 0, "--runs", runs)
        assert run("dm_bench", joined, *words_of_bench)[0] == 0
    once, twice = [int(line.split()[-2]) for line in (tmp_path / "log").read_text().splitlines()]
    assert twice - once == copies


def test_a_flip_test_on_joined_heads_is_that_of_python(run: Run, joined: Path, picture: Path) -> None:
    code, (line,), printed = run("dm_detect", joined, picture, "--flip")
    assert code == 0, printed
    expected = Detector(joined, threads=1, flip=True)(read_image(picture))
    assert [one["class_id"] for one in line["objects"]] == expected.class_ids.tolist()
    assert [one["score"] for one in line["objects"]] == pytest.approx(expected.scores.tolist(), abs=1e-4)


def test_joined_channels_that_do_not_add_up_are_refused(run: Run, joined: Path, tmp_path: Path) -> None:
    wrong = Path(shutil.copytree(joined, tmp_path / "wrong.deepmark"))

    def without_reg(document: dict[str, Any]) -> None:
        del document["heads"]["channels"]["reg"]
        document["heads"]["joined"].remove("reg")

    change_manifest(wrong, without_reg)
    for words in ((), VULKAN):
        code, lines, _ = run("dm_verify", wrong, *words)
        assert code == 1
        assert (
            "output heads has 17 channels, its manifest says 15: hm 2, wh 2, hps 6, hm_hp 3, hp_offset 2"
            in lines[-1]["message"]
        )


def test_fp16_is_judged_by_objects_and_a_wider_bound_of_heads(run: Run, proven: Path) -> None:
    code, lines, printed = run("dm_verify", proven, *VULKAN, "--gpu-precision", "normal")
    assert code == 0, printed
    assert lines[-1]["precision"] == "fp16, sums in fp32"
    errors = [head["max_error"] for line in lines[:-1] for head in line["heads"].values()]
    assert max(errors) > 1e-5


def test_bench_tells_what_came_before_the_first_picture(run: Run, proven: Path, picture: Path) -> None:
    code, lines, printed = run("dm_bench", proven, "--pictures", picture.parent, "--runs", 2, *VULKAN)
    assert code == 0, printed
    start, loaded = lines[:2]
    assert (start["compute"], start["precision"], start["threads"], start["tuning"]) == ("vulkan", "high", 0, "none")
    assert (loaded["backend"], loaded["threads_used"], loaded["mnn_memory_mib"]) == ("Vulkan", 0, None)
    gpu = loaded["gpu"]
    assert gpu["create_ms"] + gpu["resize_ms"] + gpu["first_ms"] <= loaded["load_ms"]
    assert [line["event"] for line in lines[3:]] == ["sample", "sample", "end"]


def test_detect_finds_what_the_cpu_finds(run: Run, proven: Path, picture: Path) -> None:
    code, (line,), printed = run("dm_detect", proven, picture, *VULKAN)
    assert code == 0, printed
    expected = Detector(proven, threads=1)(read_image(picture))
    assert [one["class_id"] for one in line["objects"][:3]] == expected.class_ids[:3].tolist()
    assert [one["score"] for one in line["objects"][:3]] == pytest.approx(expected.scores[:3].tolist(), abs=0.01)


def test_a_buffer_has_no_depthwise_deconvolution(run: Run, proven: Path) -> None:
    """(A) It is named, refused, and done on the CPU only where that is allowed."""
    code, lines, printed = run("dm_verify", proven, *BUFFER)
    assert code == 1
    assert "operators on Mali-G76 (OpenCL, BUFFER); on the CPU: " in lines[-1]["message"]
    assert "DeconvolutionDepthwise" in lines[-1]["message"]
    assert printed.count("error: ") == 1
    code, lines, printed = run("dm_verify", proven, *BUFFER, "--allow-cpu-operators")
    assert code == 0, printed
    assert lines[-1]["gpu"]["on_cpu"] == 1
    assert "(OpenCL, BUFFER); on the CPU: " in lines[-1]["gpu"]["placement"]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SHIM_IMAGE_LIMIT", "20", "only 0 of "),  # (E) the session says that it runs on the GPU
        ("SHIM_FAIL_LAUNCH", "3", "went wrong: CL ERROR CODE : -5"),  # (F)
        ("SHIM_FAIL_READ", "3", "Mali-G76 (OpenCL, IMAGE) gives NaN or infinite values in "),  # (F)
        ("SHIM_DEVICE", "none", "OpenCL has no GPU here"),
        ("SHIM_DEVICE", "cpu", ", which is none"),
    ],
)
def test_a_broken_driver_gives_one_line_and_no_result(
    run: Run, proven: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, lines, printed = run("dm_verify", proven, *OPENCL)
    assert code == 1
    assert [line["event"] for line in lines] == ["error"]
    assert expected in lines[0]["message"]
    assert "phone-gpu.md" in lines[0]["hint"]
    assert f"error: {lines[0]['message']}\n" in printed


@pytest.mark.parametrize("variable", ["SHIM_FAIL_LAUNCH", "SHIM_FAIL_READ"])
def test_a_driver_that_breaks_in_mid_run_gives_no_stale_heads(
    run: Run, proven: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """(F) The last picture's heads would still stand there, and the return code is 0."""
    words = ("dm_bench", proven, "--pictures", picture.parent, *OPENCL, "--warm-up-runs", 0, "--runs")
    monkeypatch.setenv("SHIM_LOG", str(tmp_path / "log"))
    assert run(*words, 1)[0] == 0
    launches, _, reads, _ = (tmp_path / "log").read_text().split()
    monkeypatch.setenv(variable, str(int(launches if variable == "SHIM_FAIL_LAUNCH" else reads) + 1))
    code, lines, _ = run(*words, 40)
    assert code == 1
    assert lines[1]["event"] == "loaded"
    assert "went wrong: " in lines[-1]["message"] or "gives NaN" in lines[-1]["message"]


def test_a_device_without_fp16_is_told_of(run: Run, proven: Path) -> None:
    """(I) MNN would compute in fp32 and say nothing."""
    code, lines, _ = run("dm_verify", proven, *OPENCL, "--gpu-precision", "low")
    assert code == 1
    assert "Mali-G76 has no fp16: MNN would compute precision low in fp32" in lines[0]["message"]


def test_sampled_places_need_fp32(run: Run, picture: Path, tmp_path: Path) -> None:
    bundle = sampling_bundle(tmp_path)
    code, lines, _ = run("dm_detect", bundle, picture, *VULKAN, "--gpu-precision", "normal")
    assert code == 1
    assert "deformable convolutions, whose places do not fit into fp16" in lines[-1]["message"]
    code, lines, _ = run("dm_detect", bundle, picture, *VULKAN)
    assert "head 'hm' must hold probabilities" in lines[-1]["message"]  # it ran; what it gave is not this network's


def test_deformable_convolutions_are_refused_on_vulkan(run: Run, picture: Path, tmp_path: Path) -> None:
    """(N) Vulkan leaves the depth of their samples out, which is the mask."""
    deformable = tiny_loaded(tiny_deformable())
    bundle = export_loaded(tmp_path, deformable, to=("mnn",), size=(64, 96), heads="dense").path
    code, lines, _ = run("dm_detect", bundle, picture, *VULKAN)
    assert code == 1
    assert "deformable convolutions, whose samples MNN computes wrongly on Vulkan" in lines[-1]["message"]


def test_an_int8_bundle_is_refused(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    """(D) It would run in floating point: not the network that was proven."""
    manifest = msgspec.structs.replace(tiny.manifest, precision="int8")
    bundle = write_bundle(tmp_path / "int8.deepmark", manifest, {"model.mnn": tiny.mnn})
    code, lines, _ = run("dm_verify", bundle, *VULKAN)
    assert code == 1
    assert "is an int8 bundle: on Vulkan MNN computes it in floating point" in lines[0]["message"]


def test_vulkan_without_a_driver_says_so(
    run: Run, proven: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VK_ICD_FILENAMES", str(tmp_path / "none.json"))
    code, lines, _ = run("dm_verify", proven, *VULKAN)
    assert code == 1
    assert "Vulkan has no driver here" in lines[0]["message"]


def test_a_missing_or_foreign_back_end_is_no_fall_back(
    run: Run, proven: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """(K, L) MNN prints a line and computes on the CPU."""
    monkeypatch.setenv("MNN_GPU_LIBRARIES", str(tmp_path))
    code, lines, _ = run("dm_verify", proven, *OPENCL)
    assert code == 1
    assert "MNN's OpenCL back end is missing: " in lines[0]["message"]
    assert "libMNN_CL.so" in lines[0]["message"]
    (tmp_path / "other.c").write_text('const char deepmark_mnn_version[] = "3.5.0";')
    command = ["gcc", "-shared", "-fPIC", "-o", str(tmp_path / "libMNN_CL.so"), str(tmp_path / "other.c")]
    subprocess.run(command, check=True)
    code, lines, _ = run("dm_verify", proven, *OPENCL)
    assert code == 1
    assert "belongs to MNN 3.5.0, the engine is " in lines[0]["message"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--compute", "cuda"), "--compute must be one of cpu opencl vulkan, found 'cuda'"),
        (("--compute", "vulkan", "--threads", "4"), "--threads goes with --compute cpu only"),  # (H)
        (("--gpu-precision", "low"), "--gpu-precision goes with --compute opencl or vulkan only"),
        (("--compute", "vulkan", "--opencl-storage", "buffer"), "--opencl-storage goes with --compute opencl only"),
        (("--compute", "vulkan", "--gpu-tuning", "fast"), "tuning must be one of none, heavy, wide on Vulkan"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run: Run, proven: Path, words: tuple[str, ...], expected: str) -> None:
    code, lines, _ = run("dm_verify", proven, *words)
    assert code == 2
    assert expected in lines[0]["message"]


@pytest.mark.parametrize("compute", ["opencl", "vulkan"])
def test_the_command_proves_it_with_the_c_plus_plus_runtime(
    deepmark: Callable[..., Any], proven: Path, compute: str
) -> None:
    done = deepmark("verify", "--native", proven, "--compute", compute, *QUICK)
    assert done.code == 0, done.err
    assert " operators on " in done.err
    assert "C++ runtime, MNN" in done.err


def test_the_command_refuses_what_the_programs_refuse(
    deepmark: Callable[..., Any], proven: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHIM_DEVICE", "none")
    done = deepmark("verify", "--native", proven, "--compute", "opencl", *QUICK)
    assert done.code == 1
    assert "OpenCL has no GPU here" in done.err
    wrong = Path(shutil.copytree(proven, tmp_path / "wrong.deepmark"))
    (wrong / "model.mnn").write_bytes(b"no model")
    assert deepmark("verify", "--native", wrong, "--compute", "vulkan", *QUICK).code == 1
