"""How commands talk, whatever happens to them."""

from __future__ import annotations

import errno
import json
import logging
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from deepmark import console
from deepmark.commands.click_program import run
from deepmark.commands.options import output_options
from deepmark.errors import BundleError, DeepMarkError, DeviceError, ParityError, UsageError


@click.command()
@output_options
def _talk(as_json: bool) -> None:
    console.say("for the reader")
    logging.getLogger("deepmark.x").debug("a detail")
    logging.getLogger("elsewhere").debug("another library's detail")
    if as_json:
        console.print_json({"a": [1, 2]})
    console.print_table(("what", "n"), [("one", "1"), ("three", "30")], title="Table")
    with console.progress("working", 2, "steps") as advance:
        advance()
        advance()


def _run(command: click.Command, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["talk", *arguments])
        with pytest.raises(SystemExit) as stop:
            run(command, "talk")
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def _raising(error: BaseException) -> click.Command:
    @click.command()
    def fail() -> None:
        raise error

    return fail


def _out_of_memory() -> list[BaseException]:
    """What was seen when charts and landmarks were drawn with less and less memory."""
    wrapped = SystemError("<class 'cv2.FontFace'> returned a result with an exception set")
    wrapped.__cause__ = MemoryError()
    return [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        RuntimeError("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 36000000 bytes"),
        ImportError("ft2font.cpython-311-x86_64-linux-gnu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        wrapped,
    ]


@pytest.mark.parametrize("error", _out_of_memory(), ids=lambda one: type(one).__name__)
def test_memory_that_runs_out_is_one_line(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(_raising(error), capsys)

    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "error: there is not enough memory"
    assert err.splitlines()[1].startswith("hint: ")


def test_a_bug_is_still_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        _run(_raising(ZeroDivisionError("a bug")), capsys)


LOST = """
import os, signal, sys, time, weakref
from deepmark.console import run

class One:
    pass

def interrupt(_):
    os.kill(os.getpid(), signal.Signals[sys.argv[1]])
    time.sleep(0.01)  # it arrives here, where Python can only print it

def main():
    one = One()
    reference = weakref.ref(one, interrupt)
    del one
    time.sleep(60)

run(main)
"""


@pytest.mark.parametrize(("name", "code", "words"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "stopped")])
def test_an_interruption_that_meets_a_weak_reference_is_not_lost(name: str, code: int, words: str) -> None:
    ended = subprocess.run([sys.executable, "-c", LOST, name], capture_output=True, text=True, timeout=30)

    assert ended.returncode == code
    assert ended.stderr.startswith(f"error: {words}")
    assert ended.stderr.count("\n") == 1


def test_the_reader_is_spoken_to_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(_talk, capsys)

    assert (code, out) == (0, "")
    lines = [line.rstrip() for line in err.splitlines()]
    assert lines == ["for the reader", "Table", "what    n", "one     1", "three  30"]


def test_json_is_one_document_and_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(_talk, capsys, "--json")

    assert json.loads(out) == {"a": [1, 2]}


def test_quiet_says_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_talk, capsys, "-q") == (0, "", "")


def test_verbose_tells_our_details_and_nobody_else_s(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = _run(_talk, capsys, "-v")

    assert "DEBUG: a detail" in err
    assert "another library" not in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeepMarkError("it failed"), 1),
        (BundleError("it failed"), 1),
        (UsageError("it failed"), 2),
        (ParityError("it failed", report=object()), 3),
        (DeviceError("it failed"), 4),
        (click.UsageError("it failed"), 2),
        (click.ClickException("it failed"), 1),
    ],
)
def test_an_error_is_one_line_on_stderr_and_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = _run(_raising(error), capsys)

    assert (found, out) == (code, "")
    assert err.splitlines()[0] == "error: it failed"


def test_a_hint_follows_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = _run(_raising(DeepMarkError("it failed", hint="do this")), capsys)

    assert err.splitlines() == ["error: it failed", "hint: do this"]


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(_raising(KeyboardInterrupt()), capsys)

    assert (code, out) == (130, "")
    assert err.strip() == "error: interrupted"


def test_a_bug_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        _run(_raising(ZeroDivisionError()), capsys)


def _script(body: str) -> list[str]:
    imports = "import click, sys\nfrom deepmark import console\nfrom deepmark.commands.click_program import run\n"
    return [sys.executable, "-c", imports + body]


def test_a_reader_that_went_away_ends_the_program_quietly() -> None:
    body = "@click.command()\ndef c():\n    for _ in range(100000): click.echo('x' * 100)\nrun(c, 'c')"
    child = subprocess.Popen(_script(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()

    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(timeout=60) == 1


@pytest.mark.parametrize(
    ("number", "code", "line"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped (SIGTERM)")]
)
def test_a_signal_to_a_real_process_tidies_up_and_leaves_no_traceback(number: int, code: int, line: str) -> None:
    body = (
        "import time\n@click.command()\ndef c():\n    try:\n        click.echo('up'); time.sleep(60)\n"
        "    finally:\n        click.echo('tidied')\nrun(c, 'c')"
    )
    child = subprocess.Popen(_script(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(number)
    out, err = child.communicate(timeout=60)

    assert child.returncode == code
    assert out == "tidied\n"
    assert err.strip() == f"error: {line}"


@pytest.mark.slow
def test_a_forked_process_ends_at_once_when_it_is_stopped() -> None:
    body = (
        "import os, signal, time\n@click.command()\ndef c():\n    child = os.fork()\n    if not child:\n"
        "        click.echo('up'); sys.stdout.flush(); time.sleep(60)\n    time.sleep(0.5)\n"
        "    os.kill(child, signal.SIGTERM)\n    click.echo(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "run(c, 'c')"
    )
    done = subprocess.run(_script(body), capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["up", "-15"], "")


def _in_terminal(body: str) -> str:
    """Run a script whose stderr is a terminal; return what it wrote there."""
    own, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen(_script(body), stderr=other, env=environment)
    os.close(other)
    written = b""
    try:
        while piece := os.read(own, 4096):
            written += piece
    except OSError:  # Linux's way to say that the terminal was closed
        pass
    os.close(own)
    assert child.wait(timeout=60) == 0
    return written.decode()


BAR = """
with console.progress("working", 2, "steps") as advance:
    advance()
    console.say("above the bar")
    advance()
"""


@pytest.mark.parametrize("total", ["2", "None"])
def test_a_terminal_sees_a_bar_and_lines_above_it(total: str) -> None:
    written = _in_terminal(BAR.replace("2, ", f"{total}, "))

    assert "working" in written
    assert "above the bar" in written
    assert ("1/2" in written) == (total == "2")


@pytest.mark.parametrize("stream", [True, False])
def test_no_bar_where_nobody_would_see_it(stream: bool, capsys: pytest.CaptureFixture[str]) -> None:
    step: Callable[[], None]
    with console.progress("working", 5 if stream else None, "steps") as step:
        step()

    assert capsys.readouterr() == ("", "")


ECHO = "@click.command()\ndef c():\n    console.say('said'); console.print_json({'a': 1})\nrun(c, 'c')"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_below_stdout_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        child = subprocess.run(_script(ECHO), stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert child.returncode == 1
    assert child.stderr == "said\nerror: cannot write the result to standard output: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_program_started_without_a_stream_works(closed: str) -> None:
    body = ECHO.replace("def c():", "def c():\n    console.print_table(('a',), [('b',)])")
    command = ["sh", "-c", f'"$@" {closed}', "sh", *_script(body)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)

    assert child.returncode == 0, child.stderr
    assert "Traceback" not in child.stderr


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    body = f"""
import os
@click.command()
def c():
    with open({str(tmp_path / "file")!r}, "wb") as file:
        os.write(2, b"noise of a native library")
run(c, "c")"""
    subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *_script(body)], check=True)

    assert (tmp_path / "file").read_bytes() == b""


def test_what_we_say_is_not_caught_as_a_librarys_noise() -> None:
    body = (
        "import os, click\n"
        "from deepmark.runtime.native_libraries import captured_stderr\n"
        "@click.command()\n"
        "def talk():\n"
        "    with captured_stderr():\n"
        "        os.write(2, b'noise')\n"
        "        console.say('said')\n"
        "run(talk, 'talk')"
    )
    child = subprocess.run(_script(body), capture_output=True, text=True, check=True)
    assert child.stderr == "said\n"


def _program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program without click, as those are that ``python -m`` starts."""
    body = (
        "import sys\nfrom deepmark.console import ProgramParser, print_json, print_text, run, say\n"
        "def main():\n"
        "    parser = ProgramParser('python -m talk', 'Talk.', 'Examples:\\n  python -m talk 3')\n"
        "    parser.add_argument('count', type=int)\n"
        "    options = parser.parse_args()\n"
        "    say('for the reader')\n"
        "    print_json(options.count) if options.as_json else print_text(str(options.count))\n"
        "run(main)"
    )
    return subprocess.run([sys.executable, "-c", body, *arguments], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["3"], 0, "3\n", "for the reader\n"),
        (["3", "--json"], 0, "3\n", "for the reader\n"),
        (["-q", "3"], 0, "3\n", ""),
        (["x"], 2, "", "error: argument count: invalid int value: 'x'\nhint: python -m talk --help\n"),
        ([], 2, "", "error: the following arguments are required: count\nhint: python -m talk --help\n"),
        (["3", "--qui"], 2, "", "error: unrecognized arguments: --qui\nhint: python -m talk --help\n"),
    ],
)
def test_a_program_without_click_talks_and_ends_the_same(arguments: list[str], code: int, out: str, err: str) -> None:
    done = _program(*arguments)

    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_its_help_has_examples_and_the_options_of_all() -> None:
    done = _program("--help")

    assert done.returncode == 0
    assert "Examples:\n  python -m talk 3\n" in done.stdout
    for option in ("--json", "-v, --verbose", "-q, --quiet"):
        assert option in done.stdout


def test_what_one_command_asked_for_is_not_for_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_talk, capsys, "-q") == (0, "", "")
    assert "for the reader" in _run(_talk, capsys)[2]
    assert _run(_talk, capsys, "-q", "--wrong")[0] == 2
    assert "for the reader" in _run(_talk, capsys)[2]


def test_a_terminal_of_ascii_gets_the_text_all_the_same() -> None:
    done = subprocess.run(
        _script("def main(): console.say('σ'); console.print_json('σ')\nconsole.run(main)"),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert (done.stdout.decode(), done.stderr.decode()) == ('"σ"\n', "σ\n")
