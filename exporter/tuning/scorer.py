"""Pictures that are ready to be scored under any parameters of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deepmark.console import Progress
from deepmark.exporter.tuning.shard import LabelledHeads, StagingPlan
from deepmark.exporter.tuning.staged_set import Judgement
from deepmark.exporter.tuning.sweeps import Score
from deepmark.exporter.tuning.worker_pool import WorkerPool, open_pool
from deepmark.models.evaluation.average_precision import Verdicts, mean_average_precision
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.models.evaluation.picture_items import by_picture, count_items
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.arrays import Index
from deepmark.runtime.decoding.params import DecoderParams

_WORTH_A_PROCESS = 64  # pictures: fewer take less time than a process takes to start


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Tells how good parameters are.

    Attributes:
        landmark_items: (pictures, classes) number of items whose landmarks are to be found.
        box_items: (pictures, classes) number of items whose boxes are to be found.
        pool: processes that know the pictures.
    """

    landmark_items: Index
    box_items: Index
    pool: WorkerPool

    def outcomes(self, many: Iterable[DecoderParams]) -> Iterator[Judgement]:
        """Tell what becomes of every detection, for one set of parameters after the other."""
        return self.pool.judge(many, boxes=True)

    def scores(self, many: Iterable[DecoderParams], advance: Callable[[], None], *, boxes: bool) -> Iterator[Score]:
        """Tell mAP of landmarks where there are some, and of boxes too if ``boxes``; calls ``advance`` after each."""
        for one in self.pool.judge(many, boxes=boxes):
            yield Score(_map(one.points, self.landmark_items), _map(one.boxes, self.box_items))
            advance()


def _map(verdicts: Verdicts | None, items: Index) -> float | None:
    return None if verdicts is None else float(mean_average_precision(verdicts, items)[0])


@contextmanager
def open_scorer(
    pictures: Iterable[PictureHeads], truth: Truth, plan: StagingPlan, workers: int, progress: Progress
) -> Iterator[Scorer]:
    """Get pictures ready, in several processes; these end with the block.

    Args:
        pictures: heads of at least the pictures in ``truth``; read once.
        truth: items that are to be found, in the pictures that count.
        plan: parameters that the pictures are staged for.
        workers: largest number of processes.
        progress: display of how far it is.
    """
    items = by_picture(truth)
    positions = {image_id: number for number, image_id in enumerate(items)}
    chosen = (
        LabelledHeads(positions[one.image_id], one, items[one.image_id]) for one in pictures if one.image_id in items
    )
    enough = min(workers, 1 + len(items) // _WORTH_A_PROCESS)
    with ExitStack() as stack:
        with progress("staging", len(items), "pictures") as advance:
            pool = stack.enter_context(open_pool(plan, chosen, enough, advance))
        yield Scorer(*count_items(truth), pool)
