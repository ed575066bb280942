"""An engine among several threads, and on either side of a fork."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny import Tiny, assert_close, noise, truth

from deepmark.errors import EngineError
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine


@pytest.fixture(scope="module", params=["mnn", "onnxruntime"])
def engine(request: pytest.FixtureRequest, tiny: Tiny) -> Engine:
    return load_engine(tiny.bundle, threads=2, backend=request.param)


@pytest.mark.slow
def test_many_threads_may_share_an_engine(engine: Engine, tiny: Tiny) -> None:
    inputs = [noise(1, 3, *size, seed=seed) for seed in range(4) for size in [(64, 96), (32, 64)]]
    expected = [truth(tiny.onnx, x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(engine.run, inputs * 8), expected * 8, strict=True):
            assert_close(found, right)


def test_two_engines_may_run_side_by_side(tiny: Tiny) -> None:
    x = noise(1, 3, 64, 96)
    expected = truth(tiny.onnx, x)
    with (
        load_engine(tiny.mnn, threads=2) as one,
        load_engine(tiny.mnn, threads=2) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        for found in pool.map(lambda engine: engine.run(x), [one, other] * 20):
            assert_close(found, expected)


def test_a_closed_engine_says_so_and_closing_twice_is_fine(tiny: Tiny) -> None:
    for backend in ("mnn", "onnxruntime"):
        engine = load_engine(tiny.bundle, threads=1, backend=backend)
        with engine:
            pass
        engine.close()
        with pytest.raises(EngineError, match="the engine is closed"):
            engine.run(noise(1, 3, 64, 96))


def test_closing_waits_for_the_run_of_another_thread(tiny: Tiny) -> None:
    """An output tensor that is read after its interpreter is gone ends the process."""
    errors: list[BaseException] = []

    def work(engine: Engine) -> None:
        try:
            while True:
                engine.run(x)
        except EngineError as error:
            errors.append(error)

    x = noise(1, 3, 160, 160)
    for _ in range(5):
        engine = load_engine(tiny.mnn, threads=1)
        thread = threading.Thread(target=work, args=[engine])
        thread.start()
        engine.run(x)
        engine.close()
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert [str(error) for error in errors] == ["the engine is closed"] * 5


def in_fork(action: Callable[[], object]) -> str:
    """What an action raises in a forked child; a hang ends by SIGALRM and fails the test."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of just what is tried here
        child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            action()
            os.write(writer, b"nothing")
        except BaseException as error:  # noqa: BLE001  reported to the parent, whatever it is
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        printed = stream.read().decode()
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"the child ended with status {status}"
    return printed


def test_an_engine_is_refused_in_a_fork_where_it_would_hang(engine: Engine) -> None:
    x = noise(1, 3, 64, 96)
    engine.run(x)
    assert f"EngineError: the engine was loaded in process {os.getpid()} and is used in its fork" in in_fork(
        lambda: engine.run(x)
    )
    assert in_fork(engine.close) == "nothing"
    engine.run(x)


def test_loading_mnn_in_a_fork_of_a_process_that_used_it_is_refused(tiny: Tiny) -> None:
    load_engine(tiny.mnn, threads=2).close()
    printed = in_fork(lambda: load_engine(tiny.mnn, threads=2))
    assert (
        f"EngineError: MNN was used in process {os.getpid()} before it forked this one, and would hang here" in printed
    )


def test_onnx_runtime_may_be_loaded_in_a_fork(tiny: Tiny) -> None:
    def load_and_run() -> None:
        load_engine(tiny.onnx, threads=2).run(noise(1, 3, 64, 96))

    load_and_run()
    assert in_fork(load_and_run) == "nothing"
