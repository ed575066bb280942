"""Reading checkpoint files: every container, every prefix, every kind of damage, and no code from the file."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import io
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from deepmark.errors import CheckpointError
from deepmark.models import checkpoint
from deepmark.models.checkpoint import read_checkpoint, strip_prefixes

WEIGHTS = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.tensor([0.5, 2.0], dtype=torch.float16))


def saved(document: object, *, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(document, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def assert_weights(tensors: dict[str, torch.Tensor]) -> None:
    assert list(tensors) == list(WEIGHTS)
    for name, expected in WEIGHTS.items():
        assert tensors[name].dtype == expected.dtype
        assert torch.equal(tensors[name], expected)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("bare", [False, True])
def test_pytorch_files_of_both_kinds_are_read(legacy: bool, bare: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    parameters = [torch.nn.Parameter(value.float()) for value in WEIGHTS.values()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    torch.autograd.backward([parameter.sum() for parameter in parameters])
    optimizer.step()
    document = WEIGHTS if bare else {"epoch": 140, "state_dict": WEIGHTS, "optimizer": optimizer.state_dict()}
    path.write_bytes(saved(document, legacy=legacy))

    raw = read_checkpoint(path)

    assert_weights(raw.tensors)
    assert raw.container == ("PyTorch legacy pickle" if legacy else "PyTorch zip")
    assert raw.besides == (() if bare else ("epoch", "optimizer"))


@pytest.mark.parametrize(("protocol", "legacy"), [(0, False), (4, False), (4, True), (5, False), (5, True)])
def test_another_pickle_protocol_is_named_and_is_no_damage(protocol: int, legacy: bool, tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save(WEIGHTS, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    path = tmp_path / "net.pth"
    path.write_bytes(file.getvalue())

    with pytest.raises(CheckpointError, match=f"saved with pickle protocol {protocol}, expected 2 or 3") as refusal:
        read_checkpoint(path)
    assert "pickle_protocol" in str(refusal.value.hint)


def test_a_pickle_of_another_program_is_told_from_a_damaged_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(pickle.dumps({"a": [1.0, 2.0]}, 4))

    with pytest.raises(CheckpointError, match=r"is a pickle that .* did not write"):
        read_checkpoint(path)


@pytest.mark.parametrize("key", ["model", "net", "model_state_dict", "params_ema"])
def test_weights_are_found_under_the_keys_of_other_tools(key: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    optimizer = {"state": {0: {"step": torch.ones(1), "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    for document in ({"epoch": 3, key: WEIGHTS, "optimizer": optimizer}, {"epoch": 3, key: {"state_dict": WEIGHTS}}):
        path.write_bytes(saved(document))

        raw = read_checkpoint(path)

        assert_weights(raw.tensors)
        assert raw.besides == tuple(one for one in document if one != key)


def test_of_two_sets_of_weights_none_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(saved({"model": WEIGHTS, "ema": WEIGHTS}))

    with pytest.raises(CheckpointError, match="holds weights under 'model' and 'ema', and not under 'state_dict'"):
        read_checkpoint(path)


def test_a_document_that_holds_itself_comes_to_an_end(tmp_path: Path) -> None:
    document: dict[str, object] = {}
    document["state_dict"] = document
    path = tmp_path / "net.pth"
    path.write_bytes(saved(document))

    with pytest.raises(CheckpointError, match="holds no tensors"):
        read_checkpoint(path)


def test_safetensors_files_are_read_whatever_they_are_called(tmp_path: Path) -> None:
    save_file(dict(WEIGHTS), tmp_path / "net.pth")

    raw = read_checkpoint(tmp_path / "net.pth")

    assert_weights(dict(sorted(raw.tensors.items())))
    assert raw.container == "safetensors"


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(saved(WEIGHTS))

    assert read_checkpoint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parameters_are_taken_as_tensors(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(saved({"state_dict": {"a": torch.nn.Parameter(torch.ones(2))}}))

    tensor = read_checkpoint(path).tensors["a"]

    assert not isinstance(tensor, torch.nn.Parameter)
    assert not tensor.requires_grad


@given(prefixes=st.lists(st.sampled_from(checkpoint.PREFIXES), max_size=4))
def test_prefixes_that_all_names_share_are_removed_however_deep(prefixes: list[str]) -> None:
    prefix = "".join(prefixes)

    assert_weights(strip_prefixes({prefix + name: tensor for name, tensor in WEIGHTS.items()}))


def test_a_prefix_that_not_all_names_share_stays() -> None:
    tensors = {"module.a": WEIGHTS["a"], "b": WEIGHTS["b"]}

    assert strip_prefixes(tensors) == tensors
    assert strip_prefixes({}) == {}


class Bomb:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def bombs(victim: Path) -> list[Bomb]:
    return [
        Bomb(os.system, f"touch '{victim}'"),
        Bomb(os.mkdir, str(victim)),
        Bomb(builtins.open, str(victim), "w"),
        Bomb(builtins.exec, f"open({str(victim)!r}, 'w').close()"),
        Bomb(subprocess.check_call, ["touch", str(victim)]),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("container", ["zip", "legacy", "pickle 2", "pickle 4"])
def test_code_in_a_pickle_never_runs(number: int, container: str, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "bomb.pth"
    bomb = bombs(victim)[number]
    document = {"state_dict": {"a": torch.zeros(1)}, "epoch": bomb} if container in {"zip", "legacy"} else bomb
    if container.startswith("pickle"):
        path.write_bytes(pickle.dumps(document, protocol=int(container[-1])))
    else:
        path.write_bytes(saved(document, legacy=container == "legacy"))

    with pytest.raises(CheckpointError) as refusal:
        read_checkpoint(path)

    assert not victim.exists()
    if container != "pickle 4":  # torch's reader knows no opcode of protocol 4: there it does not get as far
        assert "nothing of it was run" in str(refusal.value)


def test_the_bombs_of_this_test_do_explode_elsewhere(tmp_path: Path) -> None:
    for number in range(5):
        victim = tmp_path / str(number)
        opened = pickle.loads(pickle.dumps(bombs(victim)[number]))
        if isinstance(opened, io.IOBase):
            opened.close()
        assert victim.exists()


def test_a_whole_pickled_network_is_refused_with_the_way_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(saved(torch.nn.Linear(2, 2)))

    with pytest.raises(CheckpointError, match=r"Python object torch\.nn\.modules\.linear\.Linear") as refusal:
        read_checkpoint(path)
    assert "torch.save({'state_dict': model.state_dict()}" in str(refusal.value.hint)


def missing(path: Path) -> None:
    """Leave nothing there."""


def bundle(path: Path) -> None:
    folder(path)
    (path / "manifest.json").write_text("{}")


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("epoch,loss\n1,2.5\n")


def lfs_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")


def truncated_zip(path: Path) -> None:
    path.write_bytes(saved(WEIGHTS)[:-100])


def truncated_legacy(path: Path) -> None:
    path.write_bytes(saved(WEIGHTS, legacy=True)[:-3])


def truncated_safetensors(path: Path) -> None:
    save_file(dict(WEIGHTS), path)
    path.write_bytes(path.read_bytes()[:-1])


def flipped_byte(path: Path) -> None:
    data = bytearray(saved(WEIGHTS))
    data[data.index(WEIGHTS["a"].numpy().tobytes()) + 5] ^= 1
    path.write_bytes(data)


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", "{}")


def torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"")
        archive.writestr("net/constants.pkl", b"")


def no_tensors(path: Path) -> None:
    path.write_bytes(saved({"epoch": 3, "note": "nothing here"}))


def empty_state_dict(path: Path) -> None:
    path.write_bytes(saved({"epoch": 3, "state_dict": {}}))


def a_list(path: Path) -> None:
    path.write_bytes(saved([torch.zeros(2)]))


def a_number_among_the_weights(path: Path) -> None:
    path.write_bytes(saved({"state_dict": {"a": torch.zeros(2), "step": 5}}))


def nameless(path: Path) -> None:
    path.write_bytes(saved({"state_dict": {0: torch.zeros(2), "b": torch.zeros(2)}}))


def sparse(path: Path) -> None:
    path.write_bytes(saved({"a": torch.zeros(2), "s": torch.eye(3).to_sparse()}))


def without_values(path: Path) -> None:
    path.write_bytes(saved({"a": torch.zeros(2), "s": torch.zeros(3, device="meta")}))


def larger_than_its_file(path: Path) -> None:
    path.write_bytes(saved({"a": torch.zeros(2), "s": torch.zeros(1).expand(1000, 1000, 1000)}))


BAD_FILES: list[tuple[Callable[[Path], None], str]] = [
    (missing, "there is no file"),
    (folder, "is a folder"),
    (bundle, "is a bundle, not a checkpoint file"),
    (empty, "is empty"),
    (text, "is no checkpoint: it begins with b'epoch,loss"),
    (lfs_pointer, "Git LFS pointer"),
    (truncated_zip, "is damaged or truncated"),
    (truncated_legacy, "is damaged, truncated"),
    (truncated_safetensors, "damaged safetensors"),
    (flipped_byte, "checksum of its record '.*/data/0' is wrong"),
    (other_zip, "no PyTorch file: it holds manifest.json"),
    (torchscript, "is a TorchScript program"),
    (no_tensors, "holds no tensors, only 'epoch', 'note'"),
    (empty_state_dict, "holds no tensors, nothing"),
    (a_list, "holds a list, not a state_dict"),
    (a_number_among_the_weights, "'step' among the weights is no tensor"),
    (nameless, "0 among the weights is no tensor"),
    (sparse, "1 tensors are sparse, quantised or without values, for example 's'"),
    (without_values, "for example 's'"),
    (larger_than_its_file, "for example 's'"),
]


@pytest.mark.parametrize(("make", "words"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
def test_what_is_no_checkpoint_is_refused_in_one_line(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    make(path)

    with pytest.raises(CheckpointError, match=words) as refusal:
        read_checkpoint(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CheckpointError, match="not a regular file"):
        read_checkpoint(tmp_path / "pipe")


def test_a_name_too_long_for_the_system_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read"):
        read_checkpoint(tmp_path / ("x" * 5000))


@pytest.mark.parametrize(("limit", "words"), [(100, "is larger than"), (100_000, "unpacks to more than")])
def test_bombs_of_size_are_refused(limit: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_BYTES", limit)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", bytes(1_000_000))

    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(tmp_path / "bomb.pth")


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    container=st.sampled_from(["zip", "legacy", "safetensors"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5),
    kept=st.floats(0.2, 1),
)
def test_no_damage_leads_to_anything_but_a_clear_error(
    container: str, flips: list[tuple[float, int]], kept: float, tmp_path: Path
) -> None:
    path = tmp_path / "net.pth"
    if container == "safetensors":
        save_file(dict(WEIGHTS), path)
    else:
        path.write_bytes(saved({"epoch": 1, "state_dict": WEIGHTS}, legacy=container == "legacy"))
    data = bytearray(path.read_bytes())
    for place, value in flips:
        data[int(place * len(data))] = value
    path.write_bytes(data[: int(kept * len(data))])

    with contextlib.suppress(CheckpointError):  # a flip that hits a number cannot be seen without a checksum
        read_checkpoint(path)
