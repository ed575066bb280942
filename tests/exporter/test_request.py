"""A request that makes no sense is answered at once, in words, without torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from deepmark.errors import CheckpointError, DeepMarkError, UsageError
from deepmark.exporter.request import ExportRequest, check_size, make_request


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model_best.pth"
    path.touch()
    return path


def _request(
    checkpoint: Path,
    *,
    to: Iterable[str] = ("mnn",),
    output: str | None = None,
    name: str | None = None,
    size: int | tuple[int, int] = (256, 256),
) -> ExportRequest:
    return make_request(checkpoint, to, output, name, size)


def test_the_name_is_the_checkpoints_and_the_folder_the_current_one(checkpoint: Path) -> None:
    request = _request(checkpoint)
    assert request.bundle == Path("model_best.deepmark")
    assert request.zip_file == Path("model_best.deepmark.zip")


def test_one_number_is_the_side_of_a_square(checkpoint: Path) -> None:
    assert _request(checkpoint, size=128).size == (128, 128)
    with pytest.raises(UsageError, match="100x100"):
        _request(checkpoint, size=100)


def test_formats_stand_once_in_the_order_of_the_chain(checkpoint: Path) -> None:
    assert [one.name for one in _request(checkpoint, to=["mnn", "onnx", "mnn"]).formats] == ["onnx", "mnn"]
    assert [one.name for one in _request(checkpoint, to="onnx").formats] == ["onnx"]


@pytest.mark.parametrize("to", [["tflite"], [], ["mnn", "MNN"]])
def test_an_unknown_format_or_none_is_refused_with_the_choice(checkpoint: Path, to: list[str]) -> None:
    with pytest.raises(UsageError, match="format") as error:
        _request(checkpoint, to=to)
    assert error.value.exit_code == 2
    assert error.value.hint == "choose from onnx, mnn"


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 100), "96 and 128; for an hourglass, multiples of 128"),
        ((0, 0), "32"),
        ((-32, 64), "32x64"),
        ((256, 250), "256x256"),
        ((1, 64), "32x64"),
    ],
)
def test_a_size_that_is_no_multiple_of_32_is_refused_with_the_nearest(
    checkpoint: Path, size: tuple[int, int], nearest: str
) -> None:
    with pytest.raises(UsageError, match="must be multiples of 32 from 32 to 16384") as error:
        _request(checkpoint, size=size)
    assert nearest in (error.value.hint or "")


def test_an_hourglass_takes_its_own_multiples_and_memory() -> None:
    with pytest.raises(UsageError, match="160x160: height and width must be multiples of 128") as error:
        check_size((160, 160), multiple=128)
    assert error.value.hint == "the nearest are 128 and 256"
    check_size((1024, 1024), multiple=128, parameters=194_886_682)
    with pytest.raises(UsageError, match="1536x1536 needs about 8 GiB of memory") as error:
        check_size((1536, 1536), multiple=128, parameters=194_886_682)
    assert "1408x1408" in (error.value.hint or "")
    check_size((1536, 1536), parameters=19_512_061)


def test_a_size_beyond_memory_is_refused_with_the_memory_and_the_largest_that_fits(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"8192x8192 needs about 94 GiB of memory, the limit is 8 GiB") as error:
        _request(checkpoint, size=(8192, 8192))
    assert error.value.exit_code == 2
    side = int((error.value.hint or "").split("x")[0].rsplit(" ", 1)[1])
    assert _request(checkpoint, size=(side, side)).size == (side, side)
    with pytest.raises(UsageError):
        _request(checkpoint, size=(side + 32, side + 32))


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a\\b", "..", "a:b", "a\nb", "_x"])
def test_a_name_that_is_no_plain_file_name_is_refused(checkpoint: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a model"):
        _request(checkpoint, name=name)


@pytest.mark.parametrize("name", ["shirt", "mDLA-34 (v2)", "größe", "2.1"])
def test_a_plain_file_name_is_taken(checkpoint: Path, name: str) -> None:
    assert _request(checkpoint, name=name).bundle.name == f"{name}.deepmark"


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no file .*missing\.pth"):
        _request(tmp_path / "missing.pth")


def test_missing_libraries_are_named_with_the_way_to_get_them(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in {"torch", "onnx"} else object())
    with pytest.raises(DeepMarkError, match="exporting needs torch, onnx") as error:
        _request(checkpoint)
    assert error.value.hint == "pip install 'deepmark-export[export]'"


def test_no_heavy_library_is_loaded_to_say_so(checkpoint: Path) -> None:
    code = (
        "import sys; from deepmark.exporter.pipeline import export; from deepmark.errors import UsageError\n"
        f"try: export({str(checkpoint)!r}, size=(100, 100))\nexcept UsageError: pass\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'onnxsim', 'MNN'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


def test_a_checkpoint_that_may_not_be_looked_at_is_one_sentence(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_not(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", may_not)
    with pytest.raises(CheckpointError, match="Permission denied"):
        _request(checkpoint)


def test_a_name_that_is_no_text_is_refused(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="no name"):
        _request(checkpoint, name="a\udcff")
    with pytest.raises(UsageError, match="not Unicode"):
        _request(checkpoint, output="a\udcff")
