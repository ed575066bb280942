"""A library's own words never reach stdout, whichever way they take."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

import pytest

from deepmark.runtime.native_libraries import captured_stderr, captured_stdout


def test_what_c_prints_is_caught_even_out_of_its_buffer(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stdout() as output:
        ctypes.CDLL(None).puts(b"from C")
        os.write(1, b"from a system call\n")
    os.write(1, b"afterwards\n")
    assert sorted(output.text.split("\n")) == ["", "from C", "from a system call"]
    assert capfd.readouterr().out == "afterwards\n"


def test_what_was_printed_before_stays_where_it_belongs(capfd: pytest.CaptureFixture[str]) -> None:
    ctypes.CDLL(None).printf(b"still in the buffer")
    with captured_stdout() as output:
        pass
    assert output.text == ""
    assert capfd.readouterr().out == "still in the buffer"


def test_stdout_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    output = None

    def fail() -> None:
        nonlocal output
        with captured_stdout() as output:
            os.write(1, b"\n  the cause  \n\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    os.write(1, b"afterwards")
    assert output is not None
    assert output.last_line == "the cause"
    assert capfd.readouterr().out == "afterwards"


def test_a_process_without_a_stdout_is_no_problem() -> None:
    code = (
        "import os, sys; os.close(1); sys.stdout = None\n"
        "from deepmark.runtime.native_libraries import captured_stdout\n"
        "with captured_stdout() as output: pass\n"
        "sys.exit(0 if output.last_line == '' else 3)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_two_threads_catch_at_once_and_the_last_one_restores(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()
    heard: list[str] = []

    def other() -> None:
        with captured_stderr() as output:
            os.write(2, b"of the other\n")
            inside.set()
            leave.wait(30)
        heard.append(output.text)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    with captured_stderr() as output:
        os.write(2, b"of this one\n")
    assert output.text == "of this one\n"  # not what was printed before
    os.write(2, b"still caught\n")
    leave.set()
    thread.join()
    os.write(2, b"afterwards\n")
    assert heard == ["of the other\nof this one\nstill caught\n"]
    assert capfd.readouterr().err == "afterwards\n"


def test_one_block_in_another_hears_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stdout() as outer:
        with captured_stdout() as inner:
            os.write(1, b"once\n")
        os.write(1, b"twice\n")
    assert (inner.text, outer.text) == ("once\n", "once\ntwice\n")
    assert capfd.readouterr().out == ""
