"""Set-up takes the build of torch that fits the computer: a fake index on this computer, and nothing is installed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TORCH = next(line[7:] for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"
WHEEL = f"torch-{TORCH}%2Bcpu-{PYTHON}-{PYTHON}-manylinux_2_28_{platform.machine()}.whl"

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")


@dataclass
class Index:
    """A package index on this computer: the page of torch that it gives, and what was asked of it."""

    page: str
    status: int = 200
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def index() -> Iterator[Index]:
    known, closing = Index(f'<a href="/whl/cpu/{WHEEL}#sha256=0">torch</a>'), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            if known.silent:
                closing.wait(30)
                return
            self.send_response(known.status)
            self.end_headers()
            self.wfile.write(known.page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        known.address = f"http://127.0.0.1:{server.server_port}/whl/cpu"
        yield known
        closing.set()
        server.shutdown()


def _program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


@dataclass
class Computer:
    """A computer as set-up sees it, with an environment whose pip only writes down what it is asked for.

    Attributes:
        folder: programs that stand before the real ones, and the environment.
        settings: environment variables of the scripts.
    """

    folder: Path
    settings: dict[str, str]

    def run(self, script: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", f"tools/{script}"],
            cwd=ROOT,
            env={**self.settings, **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def pip_calls(self) -> list[str]:
        log = self.folder / "pip.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def computer(tmp_path: Path, index: Index) -> Computer:
    programs, venv = tmp_path / "programs", tmp_path / "venv"
    _program(programs / "uname", "echo Linux")
    _program(programs / "nvidia-smi", "exit 9")  # a driver without a GPU
    _program(venv / "bin" / "pip", f'echo "$*" >> "{tmp_path}/pip.log"')
    # The environment's Python: this one, except that torch is not there.
    _program(
        venv / "bin" / "python", 'case "$*" in *importlib.metadata*) exit 1 ;; esac', f'exec "{sys.executable}" "$@"'
    )
    settings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    settings |= {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "VENV": str(venv),
        "CPU_INDEX": index.address,
        "NVIDIA_DRIVER": str(tmp_path / "no-driver"),
        "TORCH_INDEX": "",
    }
    return Computer(tmp_path, settings)


def test_without_a_gpu_the_cpu_build_is_taken_where_its_index_answers(computer: Computer, index: Index) -> None:
    end = computer.run("torch_index.sh")

    assert (end.returncode, end.stdout) == (0, f"{index.address}\n"), end.stderr
    assert index.asked == ["/whl/cpu/torch/"]
    for word in ("CPU build", index.address, "0.6 GiB", "4.5 GiB", "no NVIDIA GPU", "TORCH_INDEX="):
        assert word in end.stderr
    assert len(end.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "page",
    [
        f"torch-{TORCH}%2Bcpu-cp38-cp38-manylinux_2_28_{platform.machine()}.whl",
        f"torch-0.4.1%2Bcpu-{PYTHON}-{PYTHON}-manylinux_2_28_{platform.machine()}.whl",
        f"torch-{TORCH}%2Bcpu-{PYTHON}-{PYTHON}-manylinux_2_28_none.whl",
        f"torch-{TORCH}%2Bcpu-{PYTHON}-{PYTHON}-win_amd64.whl",
        "",
    ],
    ids=["another Python", "another version", "another processor", "another system", "nothing"],
)
def test_an_index_without_a_build_that_fits_is_not_taken(page: str, computer: Computer, index: Index) -> None:
    index.page = page

    end = computer.run("torch_index.sh")

    assert (end.returncode, end.stdout) == (0, "")
    assert "PyPI's build, about 4.5 GiB" in end.stderr
    assert "TORCH_INDEX=" in end.stderr


def test_an_index_that_refuses_or_is_not_there_is_not_taken(computer: Computer, index: Index) -> None:
    index.status = 503
    assert computer.run("torch_index.sh").stdout == ""
    assert computer.run("torch_index.sh", CPU_INDEX="http://127.0.0.1:9/whl/cpu").stdout == ""
    assert index.asked == ["/whl/cpu/torch/"]


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_given_up(computer: Computer, index: Index) -> None:
    index.silent = True

    end = computer.run("torch_index.sh")

    assert (end.returncode, end.stdout) == (0, "")
    assert "within 3 s" in end.stderr


@pytest.mark.parametrize("seen_by", ["nvidia-smi", "driver"])
def test_with_an_nvidia_gpu_pypi_s_build_is_taken_and_nothing_is_asked(
    seen_by: str, computer: Computer, index: Index
) -> None:
    if seen_by == "nvidia-smi":
        _program(computer.folder / "programs" / "nvidia-smi", "echo 'GPU 0: NVIDIA'")
    else:
        (computer.folder / "no-driver").mkdir()

    end = computer.run("torch_index.sh")

    assert (end.returncode, end.stdout) == (0, "")
    assert "there is one" in end.stderr
    assert index.asked == []


def test_on_macos_pypi_s_build_is_taken_and_nothing_is_asked(computer: Computer, index: Index) -> None:
    _program(computer.folder / "programs" / "uname", "echo Darwin")

    end = computer.run("torch_index.sh")

    assert (end.returncode, end.stdout) == (0, "")
    assert index.asked == []


@pytest.mark.parametrize(
    ("named", "printed"), [("pypi", ""), ("http://127.0.0.1:9/simple", "http://127.0.0.1:9/simple\n")]
)
def test_a_user_s_choice_is_taken_without_a_question(
    named: str, printed: str, computer: Computer, index: Index
) -> None:
    end = computer.run("torch_index.sh", TORCH_INDEX=named)

    assert (end.returncode, end.stdout) == (0, printed)
    assert "as TORCH_INDEX asks" in end.stderr
    assert index.asked == []


def test_set_up_asks_pip_for_torch_first_and_for_the_rest_after_it(computer: Computer, index: Index) -> None:
    end = computer.run("setup.sh")

    assert end.returncode == 0, end.stderr
    first, second = computer.pip_calls()
    assert first.endswith(f"--no-deps --index-url {index.address} torch")
    assert second.endswith("--editable .[export,dev]")
    assert "--index-url" not in second


def test_set_up_without_an_answer_leaves_all_to_pip(computer: Computer, index: Index) -> None:
    index.status = 404

    end = computer.run("setup.sh")

    assert end.returncode == 0, end.stderr
    assert [call.split()[-1] for call in computer.pip_calls()] == [".[export,dev]"]


def test_a_second_set_up_asks_no_index(computer: Computer, index: Index) -> None:
    _program(
        computer.folder / "venv" / "bin" / "python",
        f'case "$*" in *importlib.metadata*) echo {TORCH}+cpu; exit ;; esac',
        f'exec "{sys.executable}" "$@"',
    )

    end = computer.run("setup.sh")

    assert end.returncode == 0, end.stderr
    assert f"{TORCH}+cpu is there already" in end.stderr
    assert index.asked == []
    assert len(computer.pip_calls()) == 1


@pytest.mark.parametrize(("named", "code", "calls"), [("", 0, 2), ("http://127.0.0.1:9/simple", 1, 1)])
def test_an_index_whose_download_fails_is_left_only_if_the_user_did_not_name_it(
    named: str, code: int, calls: int, computer: Computer
) -> None:
    log = computer.folder / "pip.log"
    _program(
        computer.folder / "venv" / "bin" / "pip", f'echo "$*" >> "{log}"', 'case "$*" in *--index-url*) exit 1 ;; esac'
    )

    end = computer.run("setup.sh", TORCH_INDEX=named)

    assert (end.returncode, len(computer.pip_calls())) == (code, calls), end.stderr
    assert ("that failed; PyPI's build, then" in end.stderr) is (code == 0)
