"""The measurement on a phone: contestants take turns A B A B, each turn one run of ``dm_bench``, cool in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.device.events import BenchOutput
from deepmark.benchmarks.device.probe import read_state, times_in_state
from deepmark.benchmarks.device.programs import PhonePrograms, Power
from deepmark.benchmarks.device.readings import mean_mhz
from deepmark.benchmarks.device.turns import contestant_result, round_of
from deepmark.benchmarks.device.ways import Way
from deepmark.benchmarks.result.document import INFERENCE, BenchPlan, ContestantResult, Failure, Round
from deepmark.benchmarks.result.phone import CoreCluster, PhoneState
from deepmark.benchmarks.result.verdict import temperature_reasons
from deepmark.benchmarks.speed.contestants import Contestant
from deepmark.errors import DeepMarkError, EngineError, ParityError

PICTURES = "pictures"


@dataclass(frozen=True, slots=True, eq=False)
class PhoneContestant:
    """One thing to measure on a phone.

    Attributes:
        base: model, size and threads.
        bundle: name of the bundle's folder on the phone.
        way: how it is computed.
        techniques: decoder's techniques: ``"manifest"``, ``"all"``, ``"none"`` or a list such as ``"1,2"``.
    """

    base: Contestant
    bundle: str
    way: Way
    techniques: str


@dataclass(frozen=True, slots=True)
class Cooling:
    """How to wait.

    Attributes:
        tolerance_c: degrees that the battery, and the shell, may be warmer than at the first turn.
        longest_s: longest wait in seconds; then the measurement goes on, and the result says that it was hot.
        blind_s: pause between rounds where no temperature can be read, in seconds.
        look_every_s: time between two looks at the phone, in seconds.
        sleep: function that lets so many seconds pass.
    """

    tolerance_c: float = 1.0
    longest_s: float = 300.0
    blind_s: float = 10.0
    look_every_s: float = 5.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, adb: Adb, goal: PhoneState | None, on_message: Callable[[str], None]) -> tuple[PhoneState, float]:
        """Wait until the phone is cool; return its state and how long it took.

        Args:
            adb: connection to the phone.
            goal: state at the first turn, whose temperatures of battery and shell are to be reached; None before that.
            on_message: function that gets a line once a minute: what is waited for.
        """
        waited = 0.0
        state = read_state(adb)
        if state.battery_c is None and goal is None and state.thermal_status is None:
            return state, waited
        while (why := reason_to_wait(state, goal, self.tolerance_c)) and waited < self.longest_s:
            if waited % 60 < self.look_every_s:
                on_message(f"waiting for the phone to cool down: {why}")
            self.sleep(self.look_every_s)
            waited += self.look_every_s
            state = read_state(adb)
        return state, waited


def reason_to_wait(state: PhoneState, goal: PhoneState | None, tolerance_c: float) -> str | None:
    """Name what is too warm for a turn; None where nothing is.

    Args:
        state: state of the phone now.
        goal: state at the first turn; None before that.
        tolerance_c: degrees that the battery, and the shell, may be warmer than then.
    """
    reason = next(temperature_reasons(state), None)
    if reason is not None or goal is None:
        return reason
    # Never the GPU's sensor: it falls within seconds, while the body stays warm.
    for part, now, then in (("battery", state.battery_c, goal.battery_c), ("shell", state.skin_c, goal.skin_c)):
        if now is not None and then is not None and now > then + tolerance_c:
            return f"its {part} has {now:.1f} °C, at the first turn it had {then:.1f} °C"
    return None


@dataclass(frozen=True, slots=True)
class Settings:
    """What all turns share.

    Attributes:
        plan: how long to measure.
        power: power mode of the engine.
        cooling: how to wait for a cool phone.
        clusters: clusters of the phone's cores, slowest first.
        runtime: label of the programs.
        on_message: function that gets a line after every turn: how it went.
    """

    plan: BenchPlan
    power: Power
    cooling: Cooling
    clusters: tuple[CoreCluster, ...]
    runtime: str
    on_message: Callable[[str], None]


@dataclass(slots=True)
class _Running:
    entry: PhoneContestant
    rounds: list[Round] = field(default_factory=list)
    turns: list[BenchOutput] = field(default_factory=list)


def verify_all(
    programs: PhonePrograms, entries: Sequence[PhoneContestant], *, forgiving: bool = False
) -> tuple[dict[str, int], list[Failure]]:
    """Run every bundle's test vectors on the phone before anything is timed.

    Args:
        programs: programs on the phone.
        entries: what is to be measured.
        forgiving: whether a way that a phone cannot go, or not rightly, is a failure of its own and no error.

    Returns:
        How many vectors were right, by contestant, and what failed: of a GPU that cannot run a bundle always, of
        others where it is forgiven.

    Raises:
        ParityError: one differs.
        DeepMarkError: one cannot be run.
    """
    done: dict[tuple[str, Way], int | DeepMarkError] = {}
    verified: dict[str, int] = {}
    failures: list[Failure] = []
    for one in entries:
        key = (one.bundle, one.way)
        if key not in done:
            done[key] = _verify(programs, one, forgiving=forgiving)
        found = done[key]
        if isinstance(found, int):
            verified[one.base.name] = found
        else:
            failures.append(Failure(name=one.base.name, kind="model", error=str(found), hint=found.hint))
    return verified, failures


def _verify(programs: PhonePrograms, one: PhoneContestant, *, forgiving: bool) -> int | DeepMarkError:
    way = one.way
    try:
        options = way.words(one.base.threads)
        return programs.verify(one.bundle, options, tuning_s=way.tuning_s, label=way.label)
    except EngineError as error:  # a GPU that lacks something, or whose driver fails, costs itself only
        if not forgiving and way.compute == "cpu":
            raise
        return error
    except ParityError as error:
        if not forgiving:
            raise
        return error


def measure(
    programs: PhonePrograms, entries: Sequence[PhoneContestant], settings: Settings
) -> tuple[list[ContestantResult], list[Failure]]:
    """Measure all; one that cannot run is named and the others go on.

    Raises:
        DeviceError: the phone went away, or a program did not end as it should.
    """
    measured: list[ContestantResult] = []
    failures: list[Failure] = []
    start = time.monotonic()
    total, done = len(entries) * settings.plan.rounds, 0
    goal: PhoneState | None = None
    for _, group in groupby(entries, key=lambda one: one.base.contestant_group):
        running = [_Running(one) for one in group]
        for number in range(settings.plan.rounds):
            state, waited = settings.cooling.wait(programs.folder.adb, goal, settings.on_message)
            if goal is None:
                goal = state
            elif state.battery_c is None and state.skin_c is None and number:
                settings.cooling.sleep(settings.cooling.blind_s)
                waited += settings.cooling.blind_s
            for one in list(running):
                done += 1
                try:
                    _take_turn(programs, one, settings, start, waited)
                except EngineError as error:
                    failures.append(Failure(name=one.entry.base.name, kind="model", error=str(error), hint=error.hint))
                    running.remove(one)
                    continue
                left = (time.monotonic() - start) / done * (total - done)
                settings.on_message(f"turn {done} of {total}: {_turn_line(one, settings)}; {left:.0f} s left")
                waited = 0.0
        measured += [_finish(one, programs, settings) for one in running]
    return measured, failures


def _take_turn(programs: PhonePrograms, one: _Running, settings: Settings, start: float, waited: float) -> None:
    plan, adb = settings.plan, programs.folder.adb
    before, counted = read_state(adb), times_in_state(adb)
    began = time.monotonic()
    seconds = plan.warm_up_s + plan.seconds_a_round
    turn = programs.bench(one.entry.bundle, _options(one.entry, settings), seconds, one.entry.way.tuning_s)
    took = time.monotonic() - began
    clocks, after = mean_mhz(counted, times_in_state(adb)), read_state(adb)
    fastest = str(settings.clusters[-1].cores[0]) if settings.clusters else ""
    measured = round_of(
        turn,
        at_s=began - start,
        before=before,
        after=after,
        host_s=took,
        waited_s=waited,
        mean_mhz=clocks,
        frequency_mhz=clocks.get(fastest),
    )
    one.rounds.append(measured)
    one.turns.append(turn)


def _options(one: PhoneContestant, settings: Settings) -> tuple[str, ...]:
    plan = settings.plan
    height, width = one.base.size
    options = {
        "--pictures": PICTURES,
        "--size": f"{height}x{width}",
        "--techniques": one.techniques,
        "--threshold": f"{plan.threshold:g}",
        "--warm-up-runs": plan.warm_up_runs,
        "--warm-up": f"{plan.warm_up_s:g}",
        "--runs": plan.runs_a_round,
        "--seconds": f"{plan.seconds_a_round:g}",
    }
    power = ("--power", settings.power) if one.way.compute == "cpu" else ()
    if one.base.inference.fit:
        options["--fit"] = one.base.inference.fit
    flip = ("--flip",) if one.base.inference.flip else ()
    how = one.way.words(one.base.threads)
    return (*(str(part) for pair in options.items() for part in pair), *how, *power, *flip)


def _turn_line(one: _Running, settings: Settings) -> str:
    about, samples = one.rounds[-1].phone, one.turns[-1].samples
    assert about is not None
    totals = sorted(sample.letterbox_ms + sample.network_ms + sample.decode_ms for sample in samples)
    clock = one.rounds[-1].conditions.frequency_mhz
    shown = "clock not readable" if clock is None else f"{clock:.0f} MHz"
    median = f"{totals[len(totals) // 2]:.1f} ms ({settings.runtime})"
    return f"{one.entry.base.name} {median}, battery {_celsius(about.after)}, {shown}"


def _celsius(state: PhoneState) -> str:
    return "not readable" if state.battery_c is None else f"{state.battery_c:.1f} °C"


def _finish(one: _Running, programs: PhonePrograms, settings: Settings) -> ContestantResult:
    base = one.entry.base
    looks = {} if base.inference.is_single else {INFERENCE: base.inference.describe()}
    return contestant_result(
        one.turns,
        one.rounds,
        name=base.name,
        manifest=base.model.manifest,
        model=base.model.entries,
        size=base.size,
        cores=programs.cores,
        settings={"runtime": settings.runtime, "techniques": one.entry.techniques, **looks},
    )
