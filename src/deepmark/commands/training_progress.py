"""What drawing and training say of themselves on their way, a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from deepmark.console import print_table, say

if TYPE_CHECKING:
    from deepmark.models.training.config import TrainConfig
    from deepmark.models.training.log import LogLine
    from deepmark.models.training.loop import TrainSummary
    from deepmark.models.training.validation import ValidationResult
    from deepmark.models.training.warm_start import WarmStart

_EVERY_S = 10.0
_HEADS = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")


def telling_pictures(advance: Callable[[], None], count: int) -> Callable[[], None]:
    """Return a step that also says speed and time left every ten seconds."""
    start = said = time.monotonic()
    done = 0

    def step() -> None:
        nonlocal said, done
        done += 1
        advance()
        now = time.monotonic()
        if now - said >= _EVERY_S and done < count:
            said = now
            rate = done / (now - start)
            say(f"{done:,} of {count:,} pictures, {rate:.0f} pictures/s, {(count - done) / rate:.0f} s left")

    return step


def telling_steps(config: TrainConfig, advance: Callable[[], None]) -> Callable[[LogLine], None]:
    """Return a step that also says losses, speed and time left every ten seconds."""
    said = time.monotonic()
    unsaid: list[LogLine] = []

    def step(line: LogLine) -> None:
        nonlocal said
        advance()
        unsaid.append(line)
        now = time.monotonic()
        if now - said >= _EVERY_S or line.step == config.steps:
            step_s = (now - said) / len(unsaid)
            heads = ", ".join(f"{name} {getattr(line, name):.3f}" for name in _HEADS)
            mean = sum(one.loss for one in unsaid) / len(unsaid)
            say(
                f"step {line.step:,} of {config.steps:,}: loss {mean:.3f} ({heads}),"
                f" {config.batch / step_s:.1f} pictures/s, {(config.steps - line.step) * step_s / 60:.0f} min left"
            )
            said = now
            unsaid.clear()

    return step


def tell_scores(found: ValidationResult) -> None:
    """Say what a validation came to."""
    scores = ", ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
    say(f"step {found.step:,}: {scores}{', the best so far' if found.best else ''}")


def tell_warm_start(found: WarmStart) -> None:
    """Say what was taken from a checkpoint, and what was not."""
    say(f"weights of {found.file}:")
    parts = sorted({*found.taken, *found.fresh})
    rows = [(part, str(found.taken.get(part, 0)), str(found.fresh.get(part, 0))) for part in parts]
    print_table(("part", "tensors taken", "fresh"), rows)
    if found.deformable:
        say(f"{found.deformable} deformable convolutions: their 3x3 kernels were taken, without offsets")
    for reason in found.reasons:
        say(f"not taken: {reason}")


def tell_summary(summary: TrainSummary) -> None:
    """Say what a training came to."""
    say(
        f"{summary.steps:,} steps, loss {summary.loss:.3f} (mean of the last), {summary.pictures_per_s:.1f} pictures/s:"
        f" {summary.checkpoint}"
    )
