"""What a training prints on its way and at its end."""

from __future__ import annotations

from deepmark.console import print_table, say
from deepmark.models.training.log import LogLine
from deepmark.models.training.loop import TrainSummary
from deepmark.models.training.validation import ValidationResult
from deepmark.models.training.warm_start import WarmStart

_HEADS = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")


class MeanLoss:
    """Takes the lines of the log and has one line for all since it was asked last: a detail for a progress."""

    def __init__(self, steps: int) -> None:
        """Begin with nothing.

        Args:
            steps: number of steps of the whole training.
        """
        self._steps = steps
        self._last: LogLine | None = None
        self._sum, self._count = 0.0, 0

    def add(self, line: LogLine) -> None:
        """Take one step's line."""
        self._last, self._sum, self._count = line, self._sum + line.loss, self._count + 1

    def text(self) -> str:
        """Return the mean loss of the lines since the last call, and the last one's losses by head."""
        last, mean = self._last, self._sum / self._count
        assert last is not None
        heads = ", ".join(f"{name} {getattr(last, name):.3f}" for name in _HEADS)
        self._sum, self._count = 0.0, 0
        return f"step {last.step:,} of {self._steps:,}: loss {mean:.3f} ({heads})"


def print_scores(found: ValidationResult) -> None:
    """Print what a validation came to."""
    scores = ", ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
    say(f"step {found.step:,}: {scores}{', the best so far' if found.best else ''}")


def print_warm_start(found: WarmStart) -> None:
    """Print what was taken from a checkpoint, and what was not."""
    say(f"weights of {found.file}:")
    parts = sorted({*found.taken, *found.fresh})
    rows = [(part, str(found.taken.get(part, 0)), str(found.fresh.get(part, 0))) for part in parts]
    print_table(("part", "tensors taken", "fresh"), rows)
    if found.deformable:
        say(f"{found.deformable} deformable convolutions: their 3x3 kernels were taken, without offsets")
    for reason in found.reasons:
        say(f"not taken: {reason}")


def print_summary(summary: TrainSummary) -> None:
    """Print what a training came to."""
    say(
        f"{summary.steps:,} steps, loss {summary.loss:.3f} (mean of the last), {summary.pictures_per_s:.1f} pictures/s:"
        f" {summary.checkpoint}"
    )
