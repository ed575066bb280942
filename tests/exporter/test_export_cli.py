"""``deepmark export`` and ``deepmark verify`` as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny_network import tiny_loaded, tiny_network

from deepmark.commands import export, verify
from deepmark.errors import DeepMarkError, ParityError, UsageError
from deepmark.exporter import to_mnn
from deepmark.exporter.formats import FORMATS


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())
    path = tmp_path / "tiny.pth"
    path.touch()
    return path


def _export(*arguments: object) -> Result:
    return CliRunner().invoke(export.command, [str(argument) for argument in arguments])


def _verify(*arguments: object) -> Result:
    return CliRunner().invoke(verify.command, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_an_export_prints_its_steps_and_the_table_on_stderr_and_nothing_on_stdout(checkpoint: Path) -> None:
    result = _export(checkpoint, "--size", "64x96", "-o", checkpoint.parent, "--name", "net")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    for words in ("torch -> onnx", "onnx -> mnn", "hp_offset", "torch → mnn", "equal", "net.deepmark"):
        assert words in result.stderr
    assert (checkpoint.parent / "net.deepmark" / "model.mnn").is_file()


def test_json_is_one_document_and_quiet_is_silent(checkpoint: Path) -> None:
    result = _export(checkpoint, "--size", "64", "-o", checkpoint.parent, "--json", "--zip", "-q")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert document["bundle"] == str(checkpoint.parent / "tiny.deepmark")
    assert document["zip"] == str(checkpoint.parent / "tiny.deepmark.zip")
    assert [(hop["reference"], hop["candidate"]) for hop in document["parity"]] == [
        ("torch", "onnx"),
        ("onnx", "mnn"),
        ("torch", "mnn"),
    ]
    assert result.stderr == ""


@pytest.mark.slow
def test_a_failed_parity_shows_its_table_and_raises(
    checkpoint: Path, tiny_mnn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_model(_: Path, target: Path) -> None:  # fits by its heads, but was made from other weights
        target.write_bytes(tiny_mnn.read_bytes())

    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded(tiny_network(seed=3)))
    monkeypatch.setattr(to_mnn, "convert_to_mnn", other_model)
    result = _export(checkpoint, "--size", "64x96", "--heads", "dense", "-o", checkpoint.parent / "out", "--json")
    assert isinstance(result.exception, ParityError)
    assert result.exception.exit_code == 3
    assert json.loads(result.stdout)["passed"] is False
    assert not (checkpoint.parent / "out").exists()
    result = _export(checkpoint, "--size", "64x96", "--heads", "dense", "-o", checkpoint.parent / "out")
    assert "FAILED" in result.stderr
    assert "NOT EQUAL" in result.stderr


@pytest.mark.parametrize("arguments", [["--size", "100"], ["--size", "0"], ["--size", "8192"], ["--size", "wide"]])
def test_a_size_that_cannot_be_is_a_usage_error_and_makes_no_folder(checkpoint: Path, arguments: list[str]) -> None:
    result = _export(checkpoint, *arguments, "-o", checkpoint.parent / "out")
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint
    assert not (checkpoint.parent / "out").exists()


def test_an_unknown_format_is_a_usage_error_that_lists_the_known(checkpoint: Path) -> None:
    result = _export(checkpoint, "--to", "tflite")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in FORMATS)


def test_a_schema_file_that_is_missing_is_said_before_torch_is_loaded(checkpoint: Path) -> None:
    result = _export(checkpoint, "--schema", checkpoint.parent / "none.csv")
    assert isinstance(result.exception, DeepMarkError)


def test_verify_prints_a_table_of_the_engines(tiny_bundle: Path) -> None:
    result = _verify(tiny_bundle, "--threads", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "torch → mnn" in result.stderr
    assert "torch → onnx" in result.stderr
    assert "vectors were made with 1, here mnn with 1, onnxruntime with 1" in result.stderr


def test_verify_speaks_json(tiny_bundle: Path) -> None:
    result = _verify(tiny_bundle, "--json")
    document = json.loads(result.stdout)
    assert document["passed"] is True
    assert [engine["backend"] for engine in document["engines"]] == ["mnn", "onnxruntime"]
    assert document["vector_threads"] == 1


def test_verify_fails_with_exit_code_3_when_tolerances_are_not_met(tiny_bundle: Path) -> None:
    result = _verify(tiny_bundle, "--atol", "0", "--rtol", "0", "--json")
    assert isinstance(result.exception, ParityError)
    assert json.loads(result.stdout)["passed"] is False


@pytest.mark.parametrize("name", ["export", "verify"])
def test_help_has_examples_and_loads_nothing_heavy(name: str) -> None:
    code = (
        f"import sys; from deepmark.commands.{name} import command\n"
        "try: command(['--help'], prog_name='deepmark')\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'onnxsim', 'MNN', 'cv2', 'numpy', 'rich', 'msgspec'}\n"
        "sys.exit(f'{sorted(heavy & set(sys.modules))}' if heavy & set(sys.modules) else 0)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert "Examples:" in child.stdout
    assert f"deepmark {name} " in child.stdout


def test_deepmark_export_is_the_same_command() -> None:
    child = subprocess.run(
        [sys.executable, "-c", "from deepmark.commands.export import main; main()", "missing.pth"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 1
    assert child.stderr.startswith("error: there is no file missing.pth")
    assert "hint:" in child.stderr
