"""MNN on GPUs that are software: what ran where, whether it is right, and every silent failure that we know of.

Letters in brackets are rows of the table in docs/hazards.md.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from gpu_models import sampling_bundle, shared_weights_bundle, upsampling_bundle
from joined_models import bundle_short_of_a_part, joined_bundle
from shared import shared_folder
from tiny import CHANNELS, Tiny, assert_close, noise, truth, write_bundle

from deepmark.errors import BundleError, DeepMarkError, EngineError, UsageError
from deepmark.exporter.operators.back_ends import read_for
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines import gpu_libraries
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings, Storage
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.native_libraries import captured_stdout

pytestmark = pytest.mark.usefixtures("software_gpus")

QUICK = GpuSettings(tuning="none", timeout_s=120)
BUFFER = GpuSettings(tuning="none", storage="buffer", timeout_s=120)
BACK_ENDS = [("opencl", "image"), ("opencl", "buffer"), ("vulkan", "image")]


@pytest.fixture(scope="module")
def upsampling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_folder(tmp_path_factory, "upsampling", upsampling_bundle) / "gpu.deepmark"


@pytest.mark.parametrize(("compute", "storage"), BACK_ENDS)
def test_every_operator_runs_there_and_the_heads_are_right_at_each_size(
    tiny: Tiny, compute: Compute, storage: Storage
) -> None:
    """(B) A larger size after a smaller one, which makes Vulkan's heads wrong in one session; (C) two pictures."""
    settings = GpuSettings(tuning="none", storage=storage, timeout_s=120)
    with load_engine(tiny.bundle, compute=compute, gpu=settings) as engine:
        said = engine.record.placement
        assert said.startswith("17 of 17 operators on "), said
        assert said.endswith({"opencl": f"(OpenCL, {storage.upper()})", "vulkan": "(Vulkan, IMAGE)"}[compute])
        assert engine.record.precision == "fp32"
        assert engine.record.threads == engine.record.threads_asked == 0
        assert engine.memory_mib() is None  # MNN's own count leaves most of it out
        for shape in [(1, 3, 64, 96), (1, 3, 128, 160)][: 2 if compute == "vulkan" else 1]:  # PoCL compiles for seconds
            x = noise(*shape)
            assert_close(engine.run(x), truth(tiny.onnx, x))
        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(2)]
        alone = [engine.heads(one) for one in pictures]
        for one, other in zip(alone, engine.heads_together(tuple(pictures)), strict=True):
            assert isinstance(one, Heads)
            assert isinstance(other, Heads)
            np.testing.assert_array_equal(one.wh, other.wh)


def _raw_run(model: Path, shapes: list[tuple[int, ...]]) -> list[F32]:
    """Run MNN on Vulkan without any code of ours, one session, resized; return ``wh`` of each."""
    import MNN

    interpreter = MNN.Interpreter(str(model))
    session = interpreter.createSession({"backend": "VULKAN", "numThread": 1, "precision": 1})
    tensor = interpreter.getSessionInput(session)
    found = []
    for shape in shapes:
        interpreter.resizeTensor(tensor, shape)
        interpreter.resizeSession(session)
        host = MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)
        np.copyto(host.getNumpyData(), noise(*shape))
        tensor.copyFrom(host)
        assert interpreter.runSession(session) == 0
        output = interpreter.getSessionOutput(session, "wh")
        values = MNN.Tensor(output.getShape(), MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)
        output.copyToHostTensor(values)
        found.append(values.getNumpyData().copy())
    return found


def test_mnn_itself_is_wrong_after_a_second_size_on_vulkan(tiny: Tiny) -> None:
    """(B) Why a session is never resized."""
    load_engine(tiny.bundle, compute="vulkan", gpu=QUICK).close()  # the back end is there now
    shapes: list[tuple[int, ...]] = [(1, 3, 64, 96), (1, 3, 256, 256)]
    first, second = _raw_run(tiny.mnn, shapes)
    np.testing.assert_allclose(first[0], truth(tiny.onnx, noise(*shapes[0]))["wh"], atol=1e-4)
    assert np.abs(second[0] - truth(tiny.onnx, noise(*shapes[1]))["wh"]).max() > 0.01


def test_mnn_itself_forgets_the_second_picture_on_vulkan(upsampling: Path) -> None:
    """(C) Why pictures go one by one."""
    load_engine(upsampling, compute="vulkan", gpu=QUICK).close()
    (both,) = _raw_run(upsampling / "model.mnn", [(2, 3, 64, 96)])
    x = noise(2, 3, 64, 96)
    for index, right in enumerate((True, False)):
        expected = truth(upsampling / "model.onnx", x[index : index + 1])["wh"]
        assert np.allclose(both[index], expected, atol=1e-4) is right


def test_a_buffer_has_no_depthwise_deconvolution(upsampling: Path) -> None:
    """(A) It is named, refused, and done on the CPU only where that is allowed."""
    with pytest.raises(
        EngineError, match=r"only \d+ of (\d+) operators on Mali-G76 \(OpenCL, BUFFER\); on the CPU: "
    ) as no:
        load_engine(upsampling, compute="opencl", gpu=BUFFER)
    assert "DeconvolutionDepthwise" in str(no.value)
    x = noise(1, 3, 64, 96)
    expected = truth(upsampling / "model.onnx", x)
    permitted = GpuSettings(tuning="none", storage="buffer", allow_cpu_operators=True, timeout_s=120)
    with load_engine(upsampling, compute="opencl", gpu=permitted) as engine:
        assert "on the CPU: " in engine.record.placement
        assert_close(engine.run(x), expected)
    with load_engine(upsampling, compute="opencl", gpu=QUICK) as engine:
        assert "on the CPU" not in engine.record.placement
        assert_close(engine.run(x), expected)


def test_convolutions_that_share_weights_are_on_the_cpu_in_images(tmp_path: Path) -> None:
    """(C2) Six that share one tensor: OpenCL's images and Vulkan leave them to the CPU, buffers take them."""
    bundle = shared_weights_bundle(tmp_path)
    computes: tuple[Compute, ...] = ("opencl", "vulkan")
    for compute in computes:
        with pytest.raises(EngineError, match=r"only 14 of 20 operators on .*IMAGE\); on the CPU: .*\(Convolution\)"):
            load_engine(bundle, compute=compute, gpu=QUICK)
    x = noise(1, 3, 64, 96)
    with load_engine(bundle, compute="opencl", gpu=BUFFER) as engine:
        assert "on the CPU" not in engine.record.placement
        assert_close(engine.run(x), truth(bundle / "model.onnx", x))
    lacking = [one.lacking for one in read_for(bundle / "model.onnx", "opencl", "vulkan")]
    shared = {"Conv, weights of 5 or more": tuple(f"/step{n}/Conv" for n in ("", "_1", "_2", "_3", "_4", "_5"))}
    assert lacking == [shared, {}, shared]  # images, buffers, Vulkan


@pytest.mark.parametrize("storage", ["image", "buffer"])
def test_mnn_s_run_does_not_wait_and_ours_does(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    """(G) Why a run is timed with its copies: nothing that was launched has begun when MNN's own run returns."""
    shim = ctypes.CDLL("libOpenCL.so")
    settings = GpuSettings(tuning="none", storage=storage)
    shape, x = (1, 3, 64, 96), noise(1, 3, 64, 96)
    with load_engine(tiny.bundle, compute="opencl", gpu=settings) as engine:
        monkeypatch.setenv("SHIM_HOLD", "1")
        heads = engine.run(x)
        assert not shim.shim_held()
    assert_close(heads, truth(tiny.onnx, x))
    monkeypatch.delenv("SHIM_HOLD")

    import MNN

    with captured_stdout():
        interpreter = MNN.Interpreter(str(tiny.mnn))
        session = interpreter.createSession({"backend": "OPENCL", "numThread": settings.mode("opencl"), "precision": 1})
        tensor = interpreter.getSessionInput(session)
        interpreter.resizeTensor(tensor, shape)
        interpreter.resizeSession(session)
        host = MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)
        np.copyto(host.getNumpyData(), x)
        tensor.copyFrom(host)
        monkeypatch.setenv("SHIM_HOLD", "1")
        assert interpreter.runSession(session) == 0
        assert shim.shim_held()
        output = interpreter.getSessionOutput(session, "wh")
        values = MNN.Tensor(output.getShape(), MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)
        output.copyToHostTensor(values)
        assert not shim.shim_held()
    np.testing.assert_allclose(values.getNumpyData()[0], heads["wh"], atol=1e-5)


def test_a_run_copies_the_picture_in_and_each_head_out(tiny: Tiny) -> None:
    """And nothing between, which an operator on the CPU would need."""
    shim = ctypes.CDLL("libOpenCL.so")
    with load_engine(tiny.bundle, compute="opencl", gpu=QUICK) as engine:
        before = shim.shim_writes(), shim.shim_reads(), shim.shim_launches()
        heads = engine.run(noise(1, 3, 64, 96))
        writes, reads, launches = (
            after - one
            for after, one in zip((shim.shim_writes(), shim.shim_reads(), shim.shim_launches()), before, strict=True)
        )
    assert (writes, reads) == (1, len(heads))
    assert launches >= 17


_COUNTING = """
import ctypes, json, sys
import numpy as np
from deepmark.runtime.engines.gpu_settings import GpuSettings
from deepmark.runtime.engines.loading import load_engine

compute, storage, *bundles = sys.argv[1:]
library, *counters = {
    "opencl": ("libOpenCL.so", "shim_writes", "shim_reads"), "vulkan": ("libvulkan.so", "shim_maps")
}[compute]
x = np.random.default_rng(0).standard_normal((1, 3, 64, 96), np.float32)

def copies():
    return sum(getattr(ctypes.CDLL(library), counter)() for counter in counters)

found, heads = [], []
for bundle in bundles:
    with load_engine(bundle, compute=compute, gpu=GpuSettings(tuning="none", storage=storage)) as engine:
        before = copies()
        heads.append(engine.run(x))
        found.append(copies() - before)
same = [np.array_equal(heads[1][name], values) for name, values in heads[0].items()]
print(json.dumps({"copies": found, "same": same}))
"""


@pytest.fixture(scope="module")
def joined(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        joined_bundle(tiny, folder)

    return shared_folder(tmp_path_factory, "joined", make) / "joined.deepmark"


@pytest.mark.parametrize(("compute", "storage"), BACK_ENDS)
def test_joined_heads_are_the_same_and_come_out_in_one_copy(
    tiny: Tiny, joined: Path, compute: Compute, storage: Storage
) -> None:
    """Counted at the driver, in a process that finds the counting one from its start."""
    command = [sys.executable, "-c", _COUNTING, compute, storage, str(tiny.bundle), str(joined)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "copies": [1 + len(CHANNELS), 2],
        "same": [True] * len(CHANNELS),
    }


def test_channels_that_do_not_add_up_are_refused(tiny: Tiny, joined: Path, tmp_path: Path) -> None:
    bundle = bundle_short_of_a_part(tiny, joined, tmp_path)
    with pytest.raises(
        BundleError,
        match=r"output 'heads' has 17 channels, its manifest says 15: hm 2, wh 2, hps 6, hm_hp 3, hp_offset 2$",
    ):
        load_engine(bundle, compute="vulkan", gpu=QUICK)


def test_an_image_limit_sends_operators_to_the_cpu(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """(E) The session still says that it runs on the GPU."""
    monkeypatch.setenv("SHIM_IMAGE_LIMIT", "20")
    with pytest.raises(EngineError, match=r"only 0 of 17 operators on Mali-G76 \(OpenCL, IMAGE\).* and 14 more"):
        load_engine(tiny.bundle, compute="opencl", gpu=QUICK)


def test_an_adreno_takes_other_paths_and_is_right(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIM_DEVICE", "adreno")
    x = noise(1, 3, 64, 96)
    with load_engine(tiny.bundle, compute="opencl", gpu=QUICK) as engine:
        assert engine.record.placement == "17 of 17 operators on QUALCOMM Adreno(TM) (OpenCL, IMAGE)"
        assert_close(engine.run(x), truth(tiny.onnx, x))


@pytest.mark.parametrize(
    ("variable", "count", "expected"),
    [
        ("SHIM_FAIL_LAUNCH", "3", r"went wrong: CL ERROR CODE : -5"),
        ("SHIM_FAIL_READ", "3", r"Mali-G76 \(OpenCL, IMAGE\) gives NaN or infinite values"),
        ("SHIM_DIE_AT", "3", r"MNN on OpenCL crashes on it with SIGABRT"),
    ],
)
def test_a_broken_driver_gives_one_line_and_no_engine(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, variable: str, count: str, expected: str
) -> None:
    """(F, J) None of these reaches MNN's return codes."""
    monkeypatch.setenv(variable, count)
    with pytest.raises(EngineError, match=rf"tiny\.deepmark: .*{expected}") as error:
        load_engine(tiny.bundle, compute="opencl", gpu=QUICK)
    assert "\n" not in str(error.value)
    assert error.value.hint is not None


def test_a_driver_that_hangs_is_ended(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """(J) While it compiles and tunes, say."""
    monkeypatch.setenv("SHIM_HANG_AT", "1")
    with pytest.raises(EngineError, match=r"MNN on OpenCL did not load it within 5 s"):
        load_engine(tiny.bundle, compute="opencl", gpu=GpuSettings(tuning="none", timeout_s=5))


@pytest.mark.parametrize("variable", ["SHIM_FAIL_LAUNCH", "SHIM_FAIL_READ"])
def test_a_driver_that_breaks_later_gives_no_stale_heads(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """(F) The last picture's heads would still stand there, and the return code is 0."""
    with load_engine(tiny.bundle, compute="opencl", gpu=QUICK) as engine:
        engine.run(noise(1, 3, 64, 96))
        monkeypatch.setenv(variable, "1")
        with pytest.raises(EngineError, match=r"CL ERROR CODE|NaN or infinite"):
            engine.run(noise(1, 3, 64, 96, seed=1))


def test_a_device_without_fp16_is_told_of(tiny: Tiny) -> None:
    """(I) MNN would compute in fp32 and say nothing."""
    for precision in ("normal", "low"):
        with pytest.raises(
            EngineError, match=rf"Mali-G76 has no fp16: MNN would compute precision {precision} in fp32"
        ):
            load_engine(tiny.bundle, compute="opencl", gpu=GpuSettings(precision=precision, tuning="none"))


def test_vulkan_stores_fp16(tiny: Tiny) -> None:
    x = noise(1, 3, 64, 96)
    with load_engine(tiny.bundle, compute="vulkan", gpu=GpuSettings(precision="normal", tuning="none")) as engine:
        assert engine.record.precision == "fp16, sums in fp32"
        found, expected = engine.run(x), truth(tiny.onnx, x)
    error = max(float(np.abs(found[name] - expected[name]).max()) for name in expected)
    assert 1e-5 < error < 2e-2


def test_sampled_places_need_fp32(tmp_path: Path) -> None:
    bundle = sampling_bundle(tmp_path)
    with pytest.raises(UsageError, match=r"deformable convolutions, whose places do not fit into fp16"):
        load_engine(bundle, compute="vulkan", gpu=GpuSettings(precision="normal", tuning="none"))
    x = noise(1, 3, 64, 96)
    with load_engine(bundle, compute="vulkan", gpu=QUICK) as engine:
        for name, expected in truth(bundle / "model.onnx", x).items():
            np.testing.assert_allclose(engine.run(x)[name], expected, atol=1e-3)


def test_an_int8_bundle_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    """(D) It would run in floating point: not the network that was proven."""
    manifest = msgspec.structs.replace(tiny.manifest, precision="int8")
    bundle = write_bundle(tmp_path / "int8.deepmark", manifest, {"model.mnn": tiny.mnn})
    computes: tuple[Compute, ...] = ("opencl", "vulkan")
    for compute in computes:
        with pytest.raises(UsageError, match=r"int8 bundle: on (OpenCL|Vulkan) MNN computes it in floating point"):
            load_engine(bundle, compute=compute, gpu=QUICK)


@pytest.mark.parametrize(
    ("device", "expected"),
    [("cpu", r"OpenCL has no GPU here, only .*, which is none"), ("none", r"OpenCL has no GPU here$")],
)
def test_a_computer_without_a_gpu_says_so(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, device: str, expected: str
) -> None:
    monkeypatch.setenv("SHIM_DEVICE", device)
    with pytest.raises(EngineError, match=expected):
        load_engine(tiny.bundle, compute="opencl", gpu=QUICK)


def test_vulkan_without_a_driver_says_so(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VK_ICD_FILENAMES", str(tmp_path / "none.json"))
    with pytest.raises(EngineError, match=r"Vulkan has no driver here"):
        load_engine(tiny.bundle, compute="vulkan", gpu=QUICK)


def test_a_missing_back_end_is_no_fall_back(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """(K, L) MNN prints a line and computes on the CPU."""
    monkeypatch.setenv(gpu_libraries.FOLDER_VARIABLE, str(tmp_path))
    names: dict[Compute, str] = {"opencl": "libMNN_CL.so", "vulkan": "libMNN_Vulkan.so"}
    for compute, name in names.items():
        with pytest.raises(EngineError, match=rf"back end is missing: .*{name}") as error:
            load_engine(tiny.bundle, compute=compute, gpu=QUICK)
        assert "gpu_toolchain.sh" in str(error.value.hint)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", r"belongs to MNN an unknown version, the engine is "),
        ('const char deepmark_mnn_version[] = "3.5.0";', r"belongs to MNN 3\.5\.0, the engine is "),
        (
            "extern int no_such_symbol(void); int f(void) { return no_such_symbol(); }",
            r"undefined symbol: no_such_symbol",
        ),
    ],
)
def test_a_back_end_of_another_version_is_refused(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, expected: str
) -> None:
    (tmp_path / "other.c").write_text(source)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", str(tmp_path / "libMNN_CL.so"), str(tmp_path / "other.c")], check=True
    )
    monkeypatch.setenv(gpu_libraries.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(EngineError, match=expected):
        load_engine(tiny.bundle, compute="opencl", gpu=QUICK)


def test_settings_of_a_cpu_do_not_fit_a_gpu(tiny: Tiny) -> None:
    """(H) A number of threads would be taken for a tuning mode."""
    with pytest.raises(UsageError, match=r"threads and winograd are settings of the CPU"):
        load_engine(tiny.bundle, threads=4, compute="opencl")
    with pytest.raises(UsageError, match=r"threads and winograd are settings of the CPU"):
        load_engine(tiny.bundle, winograd=1, compute="vulkan")
    with pytest.raises(UsageError, match=r"only MNN computes on a GPU, not onnxruntime"):
        load_engine(tiny.bundle, backend="onnxruntime", compute="vulkan")
    with pytest.raises(UsageError, match=r"settings of a GPU were given"):
        load_engine(tiny.bundle, gpu=QUICK)
    with pytest.raises(UsageError, match=r"unknown compute 'cuda'") as error:
        load_engine(tiny.bundle, compute="cuda")  # type: ignore[arg-type]
    assert error.value.hint == "choose one of cpu, opencl, vulkan"
    with pytest.raises(UsageError, match=r"tuning must be one of none, heavy, wide on Vulkan, found 'fast'"):
        load_engine(tiny.bundle, compute="vulkan", gpu=GpuSettings(tuning="fast"))


def test_a_file_that_is_no_model_blames_the_file(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "bad.mnn").write_bytes(tiny.mnn.read_bytes()[:100])
    bundle = write_bundle(tmp_path / "bad.deepmark", tiny.manifest, {"model.mnn": tmp_path / "bad.mnn"})
    with pytest.raises(DeepMarkError, match=r"MNN cannot load model\.mnn|crashes on it"):
        load_engine(bundle, compute="vulkan", gpu=QUICK)
