"""Metadata inside bare model files: read by walking the file, so every file must be walked safely."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import Tiny, convert

from deepmark.errors import BundleError
from deepmark.runtime.embedded_manifest import METADATA_KEY, read_embedded

SUFFIXES = pytest.mark.parametrize("suffix", [".onnx", ".mnn"])


def _bare(tiny: Tiny, suffix: str) -> Path:
    return tiny.onnx if suffix == ".onnx" else tiny.mnn


@SUFFIXES
def test_the_manifest_comes_back_as_it_was_put_in(tiny: Tiny, suffix: str) -> None:
    path = _bare(tiny, suffix)
    assert read_embedded(path, memoryview(path.read_bytes())) == tiny.manifest.to_json(compact=True)


def test_onnx_runtime_reads_the_same_text(tiny: Tiny) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(tiny.onnx, providers=["CPUExecutionProvider"])
    text = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
    assert read_embedded(tiny.onnx, memoryview(tiny.onnx.read_bytes())) == text.encode()


def _ends(content: bytes) -> list[bytes]:
    return [content[:length] for length in [*range(1, len(content), 37), len(content) - 1]]


def test_an_onnx_file_that_ends_early_is_refused_wherever_it_ends(tiny: Tiny) -> None:
    for part in _ends(tiny.onnx.read_bytes()):
        with pytest.raises(BundleError, match=r"a\.onnx "):
            read_embedded(Path("a.onnx"), memoryview(part))


def test_an_mnn_file_that_ends_early_gives_its_manifest_whole_or_not_at_all(tiny: Tiny) -> None:
    whole = tiny.manifest.to_json(compact=True)  # weights stand behind it: their loss is for MNN to find
    refused = 0
    for part in _ends(tiny.mnn.read_bytes()):
        try:
            assert read_embedded(Path("a.mnn"), memoryview(part)) == whole
        except BundleError:
            refused += 1
    assert refused > len(whole) / 37


@SUFFIXES
@given(content=st.binary(min_size=1, max_size=400))
def test_any_other_bytes_are_refused(suffix: str, content: bytes) -> None:
    with pytest.raises(BundleError):
        read_embedded(Path(f"a{suffix}"), memoryview(content))


@SUFFIXES
def test_a_changed_byte_never_leads_astray(tiny: Tiny, suffix: str) -> None:
    content = bytearray(_bare(tiny, suffix).read_bytes())
    for position in range(0, len(content), 3):
        kept, content[position] = content[position], content[position] ^ 0xFF
        with contextlib.suppress(BundleError):
            assert isinstance(read_embedded(Path(f"a{suffix}"), memoryview(content)), bytes)
        content[position] = kept


@SUFFIXES
def test_a_model_of_another_program_is_refused_with_a_way_on(tiny: Tiny, tmp_path: Path, suffix: str) -> None:
    import onnx

    model = onnx.load(str(tiny.onnx))
    del model.metadata_props[:]
    foreign = tmp_path / "foreign.onnx"
    onnx.save(model, str(foreign))
    if suffix == ".mnn":
        convert(foreign, foreign.with_suffix(".mnn"))
    foreign = foreign.with_suffix(suffix)

    with pytest.raises(BundleError, match=f"foreign{suffix} carries no DeepMark manifest") as caught:
        read_embedded(foreign, memoryview(foreign.read_bytes()))

    assert "export the checkpoint" in str(caught.value.hint)
