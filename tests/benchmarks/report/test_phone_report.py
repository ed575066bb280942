"""What is printed of a phone."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from made_phones import made_identity, made_phone, made_turn

from deepmark.benchmarks.report.paper import standing
from deepmark.benchmarks.report.phone_tables import bound_row, choice_row
from deepmark.benchmarks.report.public_figures import public_figure_hints
from deepmark.benchmarks.result.document import BenchResult, ContestantResult, Round, TurnConditions

Made = Callable[..., ContestantResult]
Document = Callable[..., BenchResult]


def _round(allowed: str) -> Round:
    conditions = TurnConditions(core_s=0, own_s=0, busy_s=0, steal_s=0, frequency_mhz=None)
    return Round(at_s=0, phases={}, conditions=conditions, phone=made_turn(allowed, ()))


@pytest.mark.parametrize(
    ("cores", "allowed", "expected"),
    [
        ((4, 5, 6, 7), ("4-7", "4-7"), "cores 4, 5, 6, 7 (mask f0); the kernel allowed just these"),
        (tuple(range(8)), ("0-7",), "cores 0, 1, 2, 3, 4, 5, 6, 7 (mask ff); the kernel allowed just these"),
        ((6, 7), ("4-7",), "cores 6, 7 (mask c0); the kernel allowed 4-7"),
        ((4, 5, 6, 7), ("4-7", "0-7"), "cores 4, 5, 6, 7 (mask f0); the kernel allowed 0-7 and 4-7"),
        ((), ("0-7",), "all cores; the kernel allowed 0-7"),
        ((6, 7), ("",), "cores 6, 7 (mask c0); what the kernel allowed is not readable"),
    ],
)
def test_what_was_bound_is_said_and_not_what_was_asked_for(
    cores: tuple[int, ...], allowed: tuple[str, ...], expected: str
) -> None:
    row = bound_row(made_phone(made_identity(), cores), [("one", [_round(one) for one in allowed])])

    assert row == ("measured on", expected)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((4, 2, 2), "cores 4, 5, 6, 7 (mask f0) for up to 4 threads, all 8 for more"),
        ((6, 2), "cores 0, 1, 2, 3, 4, 5, 6, 7 (mask ff)"),
        ((), "all cores"),
    ],
)
def test_a_look_at_a_phone_says_what_would_be_bound(counts: tuple[int, ...], expected: str) -> None:
    assert choice_row(made_identity(counts)) == ("measures on", expected)


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        (2360.0, "same SoC (Kirin 990 5G), glibc-wheel"),
        (2090.0, "other SoC (Kirin 990), glibc-wheel"),
        (None, "perhaps the same SoC (Kirin 990 or 990 5G), glibc-wheel"),
    ],
)
def test_the_papers_processor_is_told_from_its_namesake(middle: float | None, expected: str) -> None:
    counts, mhz = ((4, 2, 2), (1950.0, middle, 2860.0)) if middle else ((8,), (1950.0,))

    assert standing(made_phone(made_identity(counts, mhz), ())) == expected


@pytest.mark.parametrize(
    ("network_ms", "changes", "expected"),
    [
        (70.0, {}, None),
        (30.0, {}, "one: its network took 30 ms; published figures of this processor let 45 to 105 ms be expected"),
        (160.0, {}, "little cores, two cores instead of four, fp32 or heat would explain it"),
        (160.0, {"settings": {"precision_used": "fp32"}}, None),
        (160.0, {"threads": 1}, None),
        (160.0, {"height": 512}, None),
        (160.0, {"parameters": 1000}, None),
    ],
)
def test_published_figures_are_a_hint_where_they_say_something(
    measured: Made, result: Document, network_ms: float, changes: dict[str, object], expected: str | None
) -> None:
    like_the_paper = {"threads": 4, "parameters": 18_807_997, "settings": {"precision_used": "fp16"}}
    one = measured("one", [[network_ms] * 5] * 3, **{**like_the_paper, **changes})
    document = msgspec.structs.replace(result(one), phone=made_phone(made_identity(), (4, 5, 6, 7)))

    hints = " ".join(public_figure_hints(document))

    assert (expected in hints) if expected else hints == ""
    assert [*public_figure_hints(msgspec.structs.replace(document, phone=None))] == []
