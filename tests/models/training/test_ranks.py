"""Two processes that share every batch train the network that one process trains with the whole batch."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shared_training
import torch
from torch import nn

from deepmark.errors import DeviceError, UsageError
from deepmark.models.training.batch_norm import WholeBatchNorm2d, share_statistics
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.loop import CHECKPOINT, LOG
from deepmark.models.training.pictures import DrawnPictures
from deepmark.models.training.ranks import Ranks, choose_device, find_ranks
from deepmark.models.training.train_state import load_state
from deepmark.models.training.trainer import Trainer

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
SIZES = ("--size", "32", "--batch", "2", "--pictures", "6", "--workers", "1")
SMALL = ("--synthetic", "--val", "none", *SIZES, "--precision", "fp32", "--val", "none")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ONE_THREAD}
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=300)


# --- the same result --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What one process came to, and each of two that shared its batches."""
    folder = tmp_path_factory.mktemp("ranks")
    done = _run(*TORCHRUN, shared_training.__file__, str(folder))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    alone = shared_training.train_in_float64(Ranks())
    return alone, torch.load(folder / "0.pt"), torch.load(folder / "1.pt")


@pytest.mark.slow
def test_the_losses_are_those_of_one_process(results: tuple[dict[str, Any], ...]) -> None:
    alone, first, second = results
    assert first["losses"] == second["losses"]
    for ours, theirs in zip(first["losses"], alone["losses"], strict=True):
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-7)
        for name in ("loss", "hps"):  # losses are computed in float32
            assert ours[name] == pytest.approx(theirs[name], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["weights", "average", "moments"])
def test_weights_statistics_and_moments_are_those_of_one_process(
    results: tuple[dict[str, Any], ...], what: str
) -> None:
    alone, first, second = (result[what] for result in results)
    assert first.keys() == alone.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, rtol=1e-6, atol=1e-9, msg=name)


def test_a_network_keeps_its_tensors_when_statistics_are_shared() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4, momentum=0.3), nn.ReLU())).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = torch.rand(2, 3, 4, 4)
    expected = network(image)
    share_statistics(network, Ranks(0, 2))
    assert isinstance(network.get_submodule("1.0"), WholeBatchNorm2d)
    assert network.state_dict().keys() == before.keys()
    assert torch.equal(network(image), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_own_normalisation_is_torchs_where_one_process_has_all(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    theirs = nn.BatchNorm2d(5, momentum=0.3)
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours = WholeBatchNorm2d(theirs, Ranks())
    values = (torch.randn(4, 5, 6, 7) * 3 + 10).to(dtype)
    ins = [values.clone().requires_grad_() for _ in range(2)]
    outs = [norm(x) for norm, x in zip((ours, theirs), ins, strict=True)]
    weights = torch.randn(4, 5, 6, 7).to(dtype)
    grads = [torch.autograd.grad((out * weights).sum(), x) for out, x in zip(outs, ins, strict=True)]
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    assert outs[0].dtype == dtype
    torch.testing.assert_close(outs[0], outs[1], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(grads[0], grads[1], rtol=tolerance, atol=tolerance)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)


# --- who does what ----------------------------------------------------------------------------------------------------


def test_ranks_divide_every_batch() -> None:
    shares = [Ranks(rank, 4).share(first=32, count=16) for rank in range(4)]
    assert [position for share in shares for position in share] == list(range(32, 48))
    assert Ranks().share(32, 16) == range(32, 48)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(UsageError, match="multiple of the 3 processes that share it, found 16"):
        Trainer(TrainConfig(batch=16), [], ranks=Ranks(0, 3))


def test_torchrun_says_who_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert find_ranks() == Ranks()
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert find_ranks() == Ranks(5, 8, 1)
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(UsageError, match="RANK=first"):
        find_ranks()


def test_every_process_needs_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match="there are 2"):
        choose_device("cuda", 2)


@pytest.mark.slow
def test_torchrun_trains_and_one_process_talks(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = _run(*TORCHRUN, "-m", "deepmark", "train", *SMALL, "--steps", "2", "-o", str(run), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 2
    assert done.stderr.count("step 2 of 2") == 1
    assert "Warning" not in done.stderr
    assert len((run / LOG).read_text().splitlines()) == 3
    assert load_state(run / CHECKPOINT).step == 2
    (run / CHECKPOINT).unlink()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes of one training, started by hand, in their third step or later."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    children = []
    for rank in ("0", "1"):
        names = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": f"{port}",
        }
        command = [sys.executable, "-m", "deepmark", "train", *SMALL, "--steps", "500", "-o", str(tmp_path / "run")]
        environment = {**os.environ, **ONE_THREAD, **names}
        children.append(subprocess.Popen([*command, "-q"], env=environment, text=True, stderr=subprocess.PIPE))
    deadline = time.monotonic() + 300
    log = tmp_path / "run" / LOG
    while not (log.exists() and len(log.read_text().splitlines()) >= 4):
        assert all(child.poll() is None for child in children)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield children
    for child in children:
        child.kill()
        child.communicate()
    (tmp_path / "run" / CHECKPOINT).unlink()


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_other_with_one_line(pair: list[subprocess.Popen[str]], killed: int) -> None:
    pair[killed].kill()
    _, errors = pair[1 - killed].communicate(timeout=60)
    assert pair[1 - killed].returncode == 1
    lines = [line for line in errors.splitlines() if not line.startswith("[")]  # the library's own log
    assert lines == [
        f"error: rank {1 - killed}: another process of the training ended",
        "hint: the last checkpoint is whole: start all processes again with --resume",
    ]


@pytest.mark.slow
def test_one_that_is_asked_stops_all_and_one_alone_goes_on(pair: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    pair[1].send_signal(signal.SIGTERM)
    errors = [child.communicate(timeout=60)[1] for child in pair]
    assert [child.returncode for child in pair] == [143, 143]
    assert errors[0].startswith("error: interrupted after step")
    assert errors[1] == ""
    state = load_state(tmp_path / "run" / CHECKPOINT)
    rows = list(csv.DictReader((tmp_path / "run" / LOG).read_text().splitlines()))
    assert state.step == len(rows) >= 3
    alone = Trainer(state.config, DrawnPictures(tmp_path / "run" / "drawings"), resume=state)
    line = alone.advance()
    assert line.step == state.step + 1
    assert line.loss < 3 * float(rows[-1]["loss"])  # it did not begin anew
