"""Where a network is trained: on which device, and by how many processes, ``torchrun -m deepmark train ...``.

Each process computes its share of every batch. Gradients, normalisers and statistics are those of the whole batch: the
result is that of one process (docs/decisions/0009-training-on-several-processes.md).
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import torch
from torch import Tensor, nn

from deepmark.errors import DeviceError, JointError, RankLostError, UsageError
from deepmark.models.training.config import Precision

_PATIENCE = timedelta(hours=2)  # with one that draws all pictures, or validates, while the others wait


def choose_device(name: Literal["auto", "cpu", "cuda"], number: int = 0) -> torch.device:
    """Return a device by name; ``"auto"`` is a GPU where there is one.

    Args:
        name: name of the kind of device.
        number: number of the GPU, if several processes have one each.

    Raises:
        DeviceError: a GPU was asked for, but there is none, or not so many.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    if not count:
        raise DeviceError(
            "a GPU was asked for, but torch finds none",
            hint="give --device cpu, or install a driver and a CUDA build of torch",
        )
    if number >= count:
        raise DeviceError(
            f"every process needs a GPU of its own, but there are {count}", hint="start fewer, --nproc-per-node"
        )
    return torch.device("cuda", number)


def choose_precision(name: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """Return a precision by name; ``"auto"`` is bfloat16 where the device has units for it, which halves a step."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    units = torch.cpu.get_capabilities()
    return "bf16" if units.get("avx512_bf16") or units.get("amx_bf16") else "fp32"


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train together; alone by default.

    Attributes:
        rank: 0-based number; 0 leads: it alone writes files and prints.
        size: number of processes.
        local: number on this machine, which is that of its GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    def share(self, first: int, count: int) -> range:
        """Return this process's share of so many samples from a position on; ranks one after the other."""
        own = count // self.size
        return range(first + self.rank * own, first + (self.rank + 1) * own)

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that cannot be shared evenly.

        Raises:
            UsageError: it is no multiple of the number of processes.
        """
        if batch % self.size:
            raise UsageError(
                f"the batch must be a multiple of the {self.size} processes that share it, found {batch}",
                hint="--batch is the number of pictures a step of all processes together",
            )

    def sum(self, values: Tensor) -> Tensor:
        """Add up what every process has; in place, no gradient."""
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values

    def joined(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the mean over all processes."""
        if self.size == 1:
            return module
        # A 1x1 kernel is channels last and not, both in the same order; torch warns that it need not be fast.
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
        # "unused": two projections of mDLA-34 never get a gradient.
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)

    @contextmanager
    def lead_first(self) -> Iterator[None]:
        """Let the leading process run the block alone, and then all others."""
        if not self.leads:
            torch.distributed.barrier()
        yield
        if self.leads and self.size > 1:
            torch.distributed.barrier()


def find_ranks() -> Ranks:
    """Read what torchrun says of this process; without torchrun it is alone.

    Raises:
        UsageError: what it says is no number.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(name in os.environ for name in names):
        return Ranks()
    try:
        return Ranks(*(int(os.environ[name]) for name in names))
    except ValueError as error:
        found = ", ".join(f"{name}={os.environ[name]}" for name in names)
        raise UsageError(f"RANK, WORLD_SIZE and LOCAL_RANK must be numbers, found {found}") from error


@contextmanager
def connected(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Connect the processes while the block runs. A `JointError` is the leading one's to tell; others end silently.

    Raises:
        RankLostError: another one ended, or cannot be reached.
    """
    if ranks.size == 1:
        yield
        return
    gpu = device if device.type == "cuda" else None
    try:
        torch.distributed.init_process_group("nccl" if gpu else "gloo", timeout=_PATIENCE, device_id=gpu)
        yield
    except JointError as error:
        if ranks.leads:
            raise
        sys.exit(error.exit_code)
    except RuntimeError as error:
        if not _is_of_connection(error):
            raise
        raise RankLostError(
            f"rank {ranks.rank}: another process of the training ended",
            hint="the last checkpoint is whole: start all processes again with --resume",
        ) from error
    torch.distributed.destroy_process_group()  # not after an error: it could wait for a process that is gone


def _is_of_connection(error: RuntimeError) -> bool:
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()
