"""Read a checkpoint file into tensors, without ever running code that the file carries.

PyTorch files (zip, or the older plain pickle) and safetensors files are told apart by their first bytes. The whole file
is read once; its sha256 is that of the bytes that were parsed.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.extras import require
from deepmark.runtime.bundle import MANIFEST_NAME

GIB = 1024**3
# The largest network, Hourglass-104 of 194,886,682 parameters with 62 groups, in float32 with Adam's two moments is
# 2.2 GiB; weights alone in float64 are 1.5. Beyond that a file is of another network.
MAX_BYTES = 4 * GIB
REFINER_KEY = "deepmark_refiner"  # stands in a refiner's checkpoint, and in no detector's
PREFIXES = ("module.", "model.", "_orig_mod.")  # DataParallel, Lightning and the like, torch.compile
AGAIN_HINT = "copy or download it again"
MODERN_HINT = "load it where it was made, and save it again without pickle_protocol: torch.save(document, path)"
SAVE_HINT = "save it again with only the weights: torch.save({'state_dict': model.state_dict()}, path)"

_PROTOCOLS = (2, 3)  # of pickle, that torch's restricted unpickler reads
_TORCH_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # a number that legacy files begin with, after the protocol
_DEEPEST = 2  # mappings inside each other in which weights are looked for

# What torch's restricted unpickler raises on damaged input, found by fuzzing (tests/models/test_checkpoint.py).
_PARSE_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class RawCheckpoint:
    """What a file holds.

    Attributes:
        tensors: tensors by name, as stored, without prefixes that all names share.
        sha256: SHA-256 of the file, in hexadecimal.
        container: ``"PyTorch zip"``, ``"PyTorch legacy pickle"`` or ``"safetensors"``.
        besides: names of what stands beside the weights, for example ``epoch`` and ``optimizer``.
    """

    tensors: dict[str, Tensor]
    sha256: str
    container: str
    besides: tuple[str, ...]


def read_checkpoint(path: Path) -> RawCheckpoint:
    """Read a file; see `RawCheckpoint`.

    Raises:
        CheckpointError: no such file, no checkpoint, damaged, a refiner, or it holds Python objects besides tensors.
    """
    data = _read_bytes(path)
    source = str(path)
    container, document = _parse(data, source)
    tensors, besides = _state_dict(document, source)
    if REFINER_KEY in besides:
        raise CheckpointError(f"{source} holds a refiner, expected a detector", hint="deepmark refiner export takes it")
    return RawCheckpoint(
        tensors=strip_prefixes(tensors),
        sha256=hashlib.sha256(data).hexdigest(),
        container=container,
        besides=besides,
    )


def read_document(path: Path) -> object:
    """Read all that a file holds, as it was saved.

    Raises:
        CheckpointError: no such file, no checkpoint, damaged, or it holds Python objects besides tensors.
    """
    return _parse(_read_bytes(path), str(path))[1]


def strip_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove `PREFIXES` that all names share, however deeply nested."""
    names = list(tensors)
    while shared := next((p for p in PREFIXES if names and all(name.startswith(p) for name in names)), None):
        names = [name.removeprefix(shared) for name in names]
    return dict(zip(names, tensors.values(), strict=True))


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            bundle = (path / MANIFEST_NAME).is_file()
            raise CheckpointError(
                f"{path} is a {'bundle' if bundle else 'folder'}, not a checkpoint file",
                hint="give the .pth file that it was made of" if bundle else "give the .pth file inside it",
            )
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path} is not a regular file", hint="give a file on a disk")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {path}", hint="check the path of the checkpoint") from error
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", hint="may you read it?") from error
    if len(data) > MAX_BYTES:
        raise CheckpointError(
            f"{path} is larger than {MAX_BYTES / GIB:.0f} GiB, more than any network here with Adam's state"
        )
    if not data:
        raise CheckpointError(f"{path} is empty", hint=AGAIN_HINT)
    return data


def _parse(data: bytes, source: str) -> tuple[str, object]:
    """Return the kind of file and what it holds."""
    if data.startswith(b"PK\x03\x04"):
        _check_zip(data, source)
        return "PyTorch zip", _unpickle(data, source)
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8:
        return "safetensors", _parse_safetensors(data, source)
    if data.startswith(b"\x80"):
        return "PyTorch legacy pickle", _unpickle(data, source)
    if data.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{source} is a Git LFS pointer, not the checkpoint itself", hint="run: git lfs pull")
    raise CheckpointError(
        f"{source} is no checkpoint: it begins with {data[:16]!r}",
        hint="expected a PyTorch file (.pth) or a safetensors file",
    )


def _check_zip(data: bytes, source: str) -> None:
    """Refuse damaged archives, which torch would read without a look at their sums, and bombs."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            unpacked = sum(entry.file_size for entry in archive.infolist())
            bad = archive.testzip() if unpacked <= MAX_BYTES else None
    except _ZIP_ERRORS as error:
        raise CheckpointError(f"{source} is damaged or truncated", hint=AGAIN_HINT) from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(f"{source} is a TorchScript program, not a checkpoint", hint=SAVE_HINT)
    if not any(name.endswith("/data.pkl") for name in names):
        listed = ", ".join(names[:3]) or "nothing"
        raise CheckpointError(f"{source} is a zip archive, but no PyTorch file: it holds {listed}")
    if unpacked > MAX_BYTES:
        raise CheckpointError(
            f"{source} unpacks to more than {MAX_BYTES / GIB:.0f} GiB, more than any network here with Adam's state"
        )
    if bad is not None:
        raise CheckpointError(f"{source} is damaged: the checksum of its record {bad!r} is wrong", hint=AGAIN_HINT)


def _unpickle(data: bytes, source: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch remarks on old pickle protocols; a reader can do nothing about it
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _PARSE_ERRORS as error:
        python_object = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and python_object:
            raise CheckpointError(
                f"{source} holds the Python object {python_object[1]}, which could run code; nothing of it was run",
                hint=SAVE_HINT,
            ) from error
        raise _unreadable(data, source) from error


def _unreadable(data: bytes, source: str) -> CheckpointError:
    """Say why torch may have refused a file, from the pickle in it."""
    legacy = not data.startswith(b"PK")
    content = data if legacy else _pickle_in_zip(data)
    protocol = content[1] if content[:1] == b"\x80" and len(content) > 1 else None
    if content[:1] in (b"(", b"c", b"}"):  # how a mapping begins where nothing says the protocol
        protocol = 0
    if legacy and _TORCH_MAGIC not in content[:64]:
        return CheckpointError(
            f"{source} is a pickle that torch.save did not write, or a damaged one",
            hint="load it where it was made, and write it with torch.save({'state_dict': state_dict}, path)",
        )
    if protocol is not None and protocol not in _PROTOCOLS:
        return CheckpointError(
            f"{source} was saved with pickle protocol {protocol}, expected 2 or 3: torch reads no other without"
            " running what is in it",
            hint=MODERN_HINT,
        )
    return CheckpointError(f"{source} is damaged, truncated, or was not written by torch.save", hint=AGAIN_HINT)


def _pickle_in_zip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))


def _parse_safetensors(data: bytes, source: str) -> dict[str, Tensor]:
    require("reading a safetensors file", "safetensors", extra="export")
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, *_PARSE_ERRORS) as error:
        raise CheckpointError(f"{source} is a damaged safetensors file: {error}", hint=AGAIN_HINT) from error


def _state_dict(document: object, source: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the weights by name, and the names of what stands beside them."""
    weights: object = document
    besides: tuple[str, ...] = ()
    for _ in range(_DEEPEST):  # {"model": {"state_dict": ...}}
        key = _weights_key(weights, source)
        if key is None or not isinstance(weights, Mapping):
            break
        besides += tuple(str(one) for one in weights if one != key)
        weights = weights[key]
    if not isinstance(weights, Mapping):
        raise CheckpointError(f"{source} holds a {type(weights).__name__}, not a state_dict", hint=SAVE_HINT)
    others = [name for name, value in weights.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if len(others) == len(weights):
        found = f"only {', '.join(map(repr, others[:10]))}" if others else "nothing"
        raise CheckpointError(f"{source} holds no tensors, {found}", hint=SAVE_HINT)
    if others:
        raise CheckpointError(f"{source}: {others[0]!r} among the weights is no tensor", hint=SAVE_HINT)
    odd = [name for name, tensor in weights.items() if not _is_plain(tensor)]
    if odd:
        raise CheckpointError(
            f"{source}: {len(odd)} tensors are sparse, quantised or without values, for example {odd[0]!r}",
            hint="export from the checkpoint as it was trained, in float32, float16 or bfloat16",
        )
    return {name: tensor.detach() for name, tensor in weights.items()}, besides


def _weights_key(document: object, source: str) -> str | None:
    """Return the key under which a document has its weights; None where it is the weights, or nothing that we know.

    CenterNet writes ``state_dict``; others write ``model``, ``net``, ``model_state_dict`` and many more.
    """
    if not isinstance(document, Mapping):
        return None
    if "state_dict" in document:
        return "state_dict"
    found = [key for key, value in document.items() if isinstance(key, str) and _holds_weights(value, _DEEPEST)]
    if len(found) > 1:
        raise CheckpointError(
            f"{source} holds weights under {' and '.join(map(repr, found))}, and not under 'state_dict'",
            hint=f"choose: torch.save({{'state_dict': torch.load(path)[{found[0]!r}]}}, another_path)",
        )
    return found[0] if found else None


def _holds_weights(value: object, depth: int) -> bool:
    if not isinstance(value, Mapping) or not value or not all(isinstance(key, str) for key in value):
        return False
    if all(isinstance(one, Tensor) for one in value.values()):
        return True
    return depth > 1 and any(_holds_weights(one, depth - 1) for one in value.values())


def _is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor has all its values in memory (and cannot claim to be larger than its file)."""
    dense = tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    return dense and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
