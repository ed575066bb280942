"""The tiny network as a bundle, and measurements that nobody made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from tiny_network import export_loaded, tiny_loaded

from deepmark.benchmarks.result.document import (
    BenchPlan,
    BenchResult,
    ContestantResult,
    Machine,
    PictureRecord,
    ProcessMemory,
    Round,
    TurnConditions,
)
from deepmark.benchmarks.speed.messages import Phase

QUIET = TurnConditions(core_s=1.0, own_s=0.95, busy_s=0.98, steal_s=0.0, frequency_mhz=2500.0)
Made = Callable[..., ContestantResult]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network's dense bundle with both models; never written to by a test."""
    folder = tmp_path_factory.mktemp("tiny-bundle")
    return export_loaded(folder, tiny_loaded(), to=("onnx", "mnn"), size=(64, 64), heads="dense").path


@pytest.fixture
def measured() -> Made:
    """Make a contestant of times of its network, by rounds; letterbox takes 1 ms, decoding 2."""

    def make(
        name: str,
        network: Sequence[Sequence[float]],
        conditions: TurnConditions = QUIET,
        *,
        kind: Literal["model", "rival"] = "model",
        **changes: object,
    ) -> ContestantResult:
        def phases(times: Sequence[float]) -> dict[Phase, list[float]]:
            own: dict[Phase, list[float]] = {"network": list(map(float, times))}
            return own if kind == "rival" else {"letterbox": [1.0] * len(times), **own, "decode": [2.0] * len(times)}

        made = ContestantResult(
            name=name,
            kind=kind,
            model=name,
            sha256="a" * 64,
            file_bytes=77_000_000,
            engine="mnn",
            version="3.6.1",
            device="CPU",
            settings={"precision": 0},
            precision="fp32",
            layout="dense",
            groups=62,
            channels={"hm": 13, "wh": 2, "hps": 124, "reg": 2, "hm_hp": 62, "hp_offset": 2},
            parameters=1,
            height=256,
            width=256,
            threads=1,
            threads_asked=1,
            cores=(1,),
            objects=None if kind == "rival" else 2.0,
            memory=ProcessMemory(
                before=20, peak_uss=300, peak_pss=310, peak_rss=330, steady_uss=280, steady_pss=290, engine=200
            ),
            rounds=tuple(
                Round(at_s=float(number), phases=phases(times), conditions=conditions)
                for number, times in enumerate(network)
            ),
        )
        return msgspec.structs.replace(made, **changes)

    return make


@pytest.fixture
def result() -> Callable[..., BenchResult]:
    """Make a document of contestants."""

    def make(*contestants: ContestantResult, **changes: object) -> BenchResult:
        machine = Machine(
            cpu="A CPU",
            cores=8,
            usable_cores=8,
            memory_mib=16000,
            system="Linux 6.1 x86_64",
            virtual=False,
            governor="performance",
            load=0.1,
            python="3.11.7",
            versions={"numpy": "2.0"},
        )
        document = BenchResult(
            format="deepmark-bench/1",
            created="2026-01-01T00:00:00+00:00",
            command="deepmark bench",
            program="0.1",
            machine=machine,
            plan=BenchPlan(),
            pictures=PictureRecord(source="drawings", sizes=((64, 64),), sha256="b" * 64),
            contestants=contestants,
            failures=(),
        )
        return msgspec.structs.replace(document, **changes)

    return make
