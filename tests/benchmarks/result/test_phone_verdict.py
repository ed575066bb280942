"""What speaks against the times of a phone, turn by turn."""

from __future__ import annotations

import pytest
from made_phones import made_state, made_turn

from deepmark.benchmarks.result.verdict import phone_reasons

BOUND = (6, 7)


@pytest.mark.parametrize(
    ("allowed", "used", "expected"),
    [
        ("6-7", (6, 7), []),
        ("", (6, 7), []),  # the kernel does not show it
        ("4-7", (6, 7), []),  # widened, and it did no harm
        (
            "4-7",
            (4, 6, 7),
            ["it ran on cores 4 and was to be bound to 6,7: the kernel widened that to 4,5,6,7"],
        ),
        ("6-7", (0, 6), ["it ran on cores 0 and was to be bound to 6,7: the phone ignored it"]),
        ("6", (6,), ["the phone withheld cores: 7 of 6,7"]),
    ],
)
def test_cores_that_the_kernel_gave_are_held_against_those_asked_for(
    allowed: str, used: tuple[int, ...], expected: list[str]
) -> None:
    assert [*phone_reasons([made_turn(allowed, used)], BOUND)] == expected


def test_a_core_that_was_switched_off_during_it_is_a_reason() -> None:
    off = made_state(cores_off=(0, 7))

    assert [*phone_reasons([made_turn("6-7", (6,), off)], BOUND)] == ["the phone switched cores off: 7 of 6,7"]
