"""What `dm_bench` printed of turns on a phone, as parts of the result document; whoever ran it: adb or the app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepmark.benchmarks.device.events import BenchOutput
from deepmark.benchmarks.result.document import ContestantResult, ProcessMemory, Round, TurnConditions
from deepmark.benchmarks.result.phone import PhoneState, PhoneTurn
from deepmark.runtime.bundle import HEADS_FILE
from deepmark.runtime.manifest import FileEntry, Manifest

MODEL = "model.mnn"


def round_of(
    turn: BenchOutput,
    *,
    at_s: float,
    before: PhoneState,
    after: PhoneState,
    host_s: float,
    waited_s: float = 0.0,
    during: tuple[PhoneState, ...] = (),
    mean_mhz: Mapping[str, float] | None = None,
    frequency_mhz: float | None = None,
) -> Round:
    """Make a round of the result of one turn.

    Args:
        turn: lines of the turn.
        at_s: beginning, in seconds from that of the measurement.
        before: state of the phone just before it.
        after: state of the phone just after it.
        host_s: length by another clock than that of the lines, in seconds.
        waited_s: time that the phone was given before it to cool down, in seconds.
        during: states of the phone during it.
        mean_mhz: cluster's first core -> mean frequency; None where not readable.
        frequency_mhz: mean frequency of the fastest cluster; None where not readable.
    """
    about = PhoneTurn(
        before=before,
        after=after,
        during=during,
        mean_mhz=dict(mean_mhz or {}),
        cpus_allowed=turn.start.cpus_allowed[:80],
        cpus_used=tuple(sorted(set(turn.end.cpus_used))),
        device_s=round(max(turn.samples[-1].t_ms / 1000, turn.end.seconds), 3),
        host_s=round(host_s, 3),
        waited_s=waited_s,
    )
    return Round(
        at_s=round(at_s, 3),
        phases={
            "letterbox": [sample.letterbox_ms for sample in turn.samples],
            "network": [sample.network_ms for sample in turn.samples],
            "decode": [sample.decode_ms for sample in turn.samples],
        },
        conditions=TurnConditions(core_s=0.0, own_s=0.0, busy_s=0.0, steal_s=0.0, frequency_mhz=frequency_mhz),
        phone=about,
    )


def contestant_result(
    turns: Sequence[BenchOutput],
    rounds: Sequence[Round],
    *,
    name: str,
    manifest: Manifest,
    model: Mapping[str, FileEntry],
    size: tuple[int, int],
    cores: tuple[int, ...],
    settings: Mapping[str, str | float],
    session: int = 0,
) -> ContestantResult:
    """Make the result of one contestant of all its turns.

    Args:
        turns: lines of every turn, at least one.
        rounds: a round of the result for each of ``turns``, as `round_of` makes it.
        name: name that results show.
        manifest: manifest of the model.
        model: name of each file of the bundle -> its length and sha256.
        size: height and width of the network's input, in pixels.
        cores: cores that the program was bound to; empty where it was not.
        settings: settings beside those that the lines name.
        session: number of the measurement whose turns these are.
    """
    first, last, samples = turns[0].start, turns[-1], [sample for turn in turns for sample in turn.samples]
    shares = [stage.pss_kib for turn in turns for stage in (turn.start.memory, turn.loaded.memory, turn.end.memory)]
    known = [share for share in shares if share is not None]
    steady = last.end.memory.pss_kib
    gpu = last.loaded.gpu
    seen = last.loaded.input
    return ContestantResult(
        name=name,
        kind="model",
        model=manifest.name,
        sha256=model[MODEL].sha256,
        file_bytes=sum(entry.bytes for file, entry in model.items() if file in {MODEL, HEADS_FILE}),
        engine="mnn",
        version=last.start.mnn_version[:40],
        device=last.loaded.backend[:40] if gpu is None else gpu.name[:80],
        settings={
            "precision_asked": first.precision,
            "precision_used": last.loaded.precision_used[:20],
            **({"power": first.power} if gpu is None else _of_gpu(turns)),
            **({"input": f"{seen[0]}x{seen[1]}"} if seen not in {None, size} else {}),
            **({"winograd_level": last.loaded.winograd_level} if last.loaded.winograd_level >= 0 else {}),
            **settings,
        },
        precision=manifest.precision,
        layout=manifest.heads.layout,
        groups=manifest.keypoints.num_groups,
        channels=manifest.heads.heads,
        parameters=manifest.source.parameters,
        height=size[0],
        width=size[1],
        threads=last.loaded.threads_used,
        threads_asked=first.threads,
        cores=cores,
        objects=round(sum(sample.objects for sample in samples) / len(samples), 3),
        memory=ProcessMemory(
            before=None,
            peak_uss=None,
            peak_pss=round(max(known) / 1024, 3) if known else None,
            peak_rss=round(max(turn.end.memory.hwm_kib for turn in turns) / 1024, 3),
            steady_uss=None,
            steady_pss=None if steady is None else round(steady / 1024, 3),
            engine=last.loaded.mnn_memory_mib,
        ),
        rounds=tuple(rounds),
        session=session,
    )


def _of_gpu(turns: Sequence[BenchOutput]) -> dict[str, str | float]:
    """The settings of a GPU, named as `deepmark bench` names this computer's; times are those of the last turn.

    What its first turns compiled was kept for that one.
    """
    first, gpu = turns[0].start, turns[-1].loaded.gpu
    assert gpu is not None
    return {
        "compute": first.compute,
        "gpu_precision": first.precision,
        "gpu_mode": gpu.mode,
        **({"storage": first.storage[:20]} if first.storage and first.compute == "opencl" else {}),
        "tuning": (first.tuning or "")[:20],
        "driver": gpu.driver[:80],
        "clock_mhz": gpu.clock_mhz,
        "operators": gpu.placement[:400],
        "create_ms": round(gpu.create_ms),
        "resize_ms": round(gpu.resize_ms),
        "first_ms": round(gpu.first_ms),
        **({} if gpu.kernels is None else {"kernels": gpu.kernels[:200]}),
        **({} if gpu.compiled_ms is None else {"compiled_ms": round(gpu.compiled_ms)}),
    }
