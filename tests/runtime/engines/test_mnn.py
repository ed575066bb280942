"""What MNN does without a word, provoked; and that none of it gets past the session.

The first half of each test shows the library's own behaviour, so that a version of MNN that mends it is noticed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import Tiny, assert_close, convert, noise, truth

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.mnn import Memory, MnnSession, MnnSettings, host_tensor
from deepmark.runtime.native_libraries import captured_stdout


@pytest.fixture
def session(tiny: Tiny) -> Iterator[MnnSession]:
    session = MnnSession(tiny.mnn, threads=1)
    yield session
    session.close()


@pytest.fixture
def raw(tiny: Tiny) -> tuple[Any, Any, Any]:
    """MNN itself: the module, an interpreter and its session."""
    import MNN

    interpreter = MNN.Interpreter(str(tiny.mnn))
    return MNN, interpreter, interpreter.createSession({"numThread": 1})


def test_a_shape_that_the_graph_cannot_take_would_leave_the_old_outputs_standing(
    raw: tuple[Any, Any, Any], session: MnnSession
) -> None:
    _, interpreter, native = raw
    tensor = interpreter.getSessionInput(native)
    for shape in [(1, 3, 64, 96), (1, 4, 64, 96)]:
        with captured_stdout():
            interpreter.resizeTensor(tensor, shape)
            assert interpreter.resizeSession(native) is True, "whatever the shape"
            code = interpreter.runSession(native)
    assert code == 3, "the only sign of it"
    assert interpreter.getSessionOutput(native, "hm").getShape() == (1, 2, 16, 24)

    session.run(noise(1, 3, 64, 96))
    with captured_stdout(), pytest.raises(EngineError, match="MNN's run failed with code 3"):
        session.run(noise(1, 4, 64, 96))


def test_a_shape_that_fails_at_first_is_refused_with_mnn_s_own_reason(session: MnnSession) -> None:
    with pytest.raises(EngineError, match=r"MNN cannot run an input of shape \(1, 4, 64, 96\): Compute Shape Error"):
        session.output_shapes((1, 4, 64, 96))


def test_the_input_buffer_is_filled_again_before_every_run(session: MnnSession, tiny: Tiny) -> None:
    x = noise(1, 3, 64, 96)
    expected = truth(tiny.onnx, x)
    session.run(x)
    session._input.copyFrom(host_tensor(session._mnn, (1, 3, 64, 96)))  # what a graph may leave in its input
    assert_close({name: head[0] for name, head in session.run(x).items()}, expected)


@pytest.fixture(scope="module")
def wide_convolution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MNN model of a 3x3 convolution of 64 channels, for inputs of any size."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(64, channels, side, side)).astype(np.float32) for channels, side in ((3, 1), (64, 3))]
    constants = [numpy_helper.from_array(one, name) for one, name in zip(weights, "vw", strict=True)]
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["wide"], kernel_shape=[1, 1]),
        helper.make_node("Conv", ["wide", "w"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w_"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64, "h", "w_"])]
    graph = helper.make_graph(nodes, "wide", inputs, outputs, constants)
    folder = tmp_path_factory.mktemp("wide")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "wide.onnx")
    convert(folder / "wide.onnx", folder / "wide.mnn")
    return folder / "wide.mnn"


def test_at_3_to_4_it_computes_as_in_a_square(wide_convolution: Path) -> None:
    """MNN itself would choose another algorithm for 16x12, with a kernel of 64/9 of the weights in place of 4."""
    x = noise(1, 3, 16, 12)
    first, other = (MnnSession(wide_convolution, threads=1) for _ in range(2))
    found = first.run(x)["y"]
    other.run(noise(1, 3, 16, 16))
    assert np.array_equal(other.run(x)["y"], found)

    import MNN

    interpreter = MNN.Interpreter(str(wide_convolution))
    native = interpreter.createSession({"numThread": 1})
    interpreter.resizeTensor(interpreter.getSessionInput(native), x.shape)
    interpreter.resizeSession(native)
    assert interpreter.getSessionInfo(native, 0) > 1.3 * first.memory_mib(), "what the square spares"


def test_a_long_strip_does_not_take_the_memory_of_its_square(wide_convolution: Path) -> None:
    session = MnnSession(wide_convolution, threads=1)
    session.run(noise(1, 3, 8, 1032))
    assert session.memory_mib() < 50, "the square's two maps of 64 channels alone are more than 500"


def test_the_input_is_declared_nchw(tiny: Tiny) -> None:
    """Declared as MNN's own NHWC, the same bytes would be accepted and give other heads."""
    with load_engine(tiny.mnn, threads=1) as engine:
        x = np.zeros((1, 3, 64, 96), np.float32)
        x[0, 2, 10:20, 30:50] = 1
        assert_close(engine.run(x), truth(tiny.onnx, x))


def test_mnn_would_turn_what_is_no_number_into_heads_that_look_right(session: MnnSession) -> None:
    x = np.full((1, 3, 64, 96), np.nan, np.float32)
    heads = session.run(x)  # Engine.run refuses it (test_engines)
    assert np.isfinite(heads["hm"]).all(), "the sigmoid makes 1 of it: an object in every cell"


def test_outputs_do_not_point_into_mnn_s_memory(session: MnnSession) -> None:
    host = host_tensor(session._mnn, (1, 2, 3, 4))
    assert host.getNumpyData().base is None, "the view does not keep its tensor alive"
    for output in session.run(noise(1, 3, 64, 96)).values():
        assert output.flags.owndata


def test_an_absent_back_end_falls_back_without_a_word_and_the_record_says_so(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MnnSettings, "session", {**MnnSettings().session, "backend": "CUDA"})
    with load_engine(tiny.mnn, threads=1) as engine:
        assert engine.record.device.startswith("CPU")
        assert engine.record.settings["backend_code"] in {0, 13}


def test_threads_that_mnn_cuts_are_read_back(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepmark.runtime.engines.loading.usable_cores", lambda: 999)
    with load_engine(tiny.mnn, threads=999) as engine:
        assert engine.record.threads_asked == 999
        assert 1 <= engine.record.threads < 999


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"hello world\n" * 99, "Invalidate buffer"),
        (None, "Invalidate buffer"),
    ],
    ids=["empty", "text", "cut short"],
)
def test_a_file_that_is_no_model_is_refused_with_the_cause_that_mnn_prints(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes | None, cause: str
) -> None:
    bad = tmp_path / "bad.mnn"
    bad.write_bytes(tiny.mnn.read_bytes()[:-3000] if content is None else content)
    with pytest.raises(BundleError, match=rf"MNN cannot load bad\.mnn: .*{cause}"):
        MnnSession(bad, threads=1)
    assert capfd.readouterr().out == ""


def test_one_session_serves_all_sizes(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each further session of an interpreter would keep some 200 MB until the interpreter goes."""
    import MNN

    made = []
    create = MNN.Interpreter.createSession

    class Counting(MNN.Interpreter):  # type: ignore[misc]  # MNN has no types
        def createSession(self, *arguments: Any) -> Any:  # noqa: N802
            made.append(arguments)
            return create(self, *arguments)

    monkeypatch.setattr(MNN, "Interpreter", Counting)
    session = MnnSession(tiny.mnn, threads=1)
    for size in [(64, 96), (32, 32), (64, 96)]:
        session.run(noise(1, 3, *size))
    assert len(made) == 1


@pytest.mark.slow
def test_engines_can_come_and_go_in_any_order(tiny: Tiny) -> None:
    x = noise(1, 3, 64, 96)
    expected = truth(tiny.onnx, x)
    engines = [load_engine(tiny.mnn, threads=1) for _ in range(4)]
    engines[2].close()
    del engines[0]
    gc.collect()
    for engine in (engines[0], engines[2]):
        assert_close(engine.run(x), expected)


def test_settings_are_given_as_numbers() -> None:
    """A word that MNN does not know, as in {"precision": "bogus"}, would be ignored."""
    for memory in get_args(Memory):
        assert all(type(value) is int for value in MnnSettings(memory=memory).session.values())
