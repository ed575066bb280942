"""The C++ readers under libFuzzer, with the sanitizers: no input crashes them, hangs them or takes gigabytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from media_files import encoded
from moving_refiner import make_refiner_manifest
from native_programs import PROGRAMS, READERS, SOURCES
from reader_files import noise, npz_of
from tiny import make_manifest, tiny_schema

SECONDS = int(os.environ.get("DEEPMARK_FUZZ_SECONDS", "5"))  # continuous integration takes 60


def _seeds() -> dict[str, bytes]:
    image = noise(5, 7)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    manifest = make_manifest().to_json()
    return {
        "json": b"j" + manifest,
        "manifest": b"m" + manifest,
        "refiner": b"r" + make_refiner_manifest(tiny_schema()).to_json(),
        "npz": b"n" + npz_of(compressed=True),
        "stored": b"n" + npz_of(compressed=False),
        "png": b"p" + encoded(image),
        "ppm": b"q" + encoded(image, ".ppm"),
        "frame": b"c" + _frame((64, 16, 16, 8, 1, 4, 1, 4, 1, 0, 0, 8, 8, 90, 1, 0)),
        "cropped": b"c" + _frame((90, 40, 39, 10, 1, 10, 2, 10, 2, 2, 1, 9, 8, 270, 0, 1)),
        "deflate": b"i" + packer.compress(b"abc" * 20 + bytes(range(60))) + packer.flush(),
    }


def _frame(numbers: tuple[int, ...]) -> bytes:
    """Lengths of three planes, their strides, left, top, right, bottom, rotation, mirrored, full range; then bytes."""
    return np.array(numbers, "<i2").tobytes() + bytes(range(100))


def _compile(folder: Path) -> Path:
    if (compiler := shutil.which("clang++")) is None:
        pytest.skip("needs clang++")
    program = folder / "fuzz_readers"
    command = [compiler, "-std=c++17", "-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    command += [f"-I{SOURCES}", f"-I{SOURCES.parent / 'include'}", str(PROGRAMS / "fuzz_readers.cpp")]
    command += [str(SOURCES / f"{name}.cpp") for name in (*READERS, "camera_frame", "letterbox")] + ["-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "libclang_rt.fuzzer" in done.stderr:
        pytest.skip("needs clang's libFuzzer (libclang-rt-*-dev)")
    assert not done.returncode, done.stderr
    return program


@pytest.mark.slow
def test_nothing_that_is_read_crashes_the_readers(tmp_path: Path) -> None:
    program = _compile(tmp_path)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, content in _seeds().items():
        (corpus / name).write_bytes(content)

    # libFuzzer reads its peak memory as getrusage() counts it, and exec hands down what this process once held: the
    # shell in between forks a small one.
    own_memory = ["sh", "-c", '"$0" "$@"; exit $?']
    limits = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", "-seed=1"]
    command = [*own_memory, str(program), str(corpus), f"-max_total_time={SECONDS}", *limits, "-print_final_stats=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=SECONDS + 120)

    assert not done.returncode, done.stderr[-4000:]
    ran = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    assert ran is not None
    assert int(ran[1]) > 100 * SECONDS
    covered = [int(count) for count in re.findall(r"cov: (\d+)", done.stderr)]
    assert covered[-1] > covered[0] > 100, "mutations must reach what the seeds do not"
    assert np.all(np.diff(covered) >= 0)
