"""Table 2 of the paper: suppression and each technique by itself, then all together, from one computation of heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.prediction import detect_all
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.store import HeadStore
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import TECHNIQUES, with_techniques

PAPER_MODEL = "mDLA-34 at 256x256 on DeepFashion2's validation set"


@dataclass(frozen=True, slots=True)
class Table2PaperRow:
    """What the paper's Table 2 says of `PAPER_MODEL`; its times are a phone's and stand nowhere here."""

    map_pt: float
    map_box: float


@dataclass(frozen=True, slots=True)
class Table2Row:
    """One row.

    Attributes:
        name: name of the row, as in the paper.
        decoder: decoder parameters of the row.
        map_pt: mAP of landmarks; None where nothing is to be found.
        map_box: mAP of boxes; None where nothing is to be found.
        paper: the paper's figures of this row, for another network and other pictures.
    """

    name: str
    decoder: DecoderParams
    map_pt: AveragePrecision | None
    map_box: AveragePrecision | None
    paper: Table2PaperRow


_PAPER = {  # Table 2, columns mAP_pt and mAP_box
    "Baseline": Table2PaperRow(0.422, 0.651),
    "NMS": Table2PaperRow(0.422, 0.652),
    "Technique (1)": Table2PaperRow(0.428, 0.650),
    "Technique (2)": Table2PaperRow(0.430, 0.651),
    "Technique (3)": Table2PaperRow(0.431, 0.651),
    "Technique (4)": Table2PaperRow(0.430, 0.651),
    "Combined": Table2PaperRow(0.445, 0.652),
}
ROWS = tuple(_PAPER)


def row_params(params: DecoderParams) -> dict[str, DecoderParams]:
    """Give the parameters of each row.

    Args:
        params: parameters of the model, all techniques on; without suppression the paper's, soft-NMS, is taken.
    """
    nms = params.nms or "soft"
    plain = replace(with_techniques(params, frozenset()), nms=None)
    alone = {
        f"Technique ({number})": replace(with_techniques(params, frozenset((number,))), nms=None)
        for number in sorted(TECHNIQUES)
    }
    return {"Baseline": plain, "NMS": replace(plain, nms=nms), **alone, "Combined": replace(params, nms=nms)}


def make_table2(
    store: HeadStore,
    truth: Truth,
    params: DecoderParams,
    *,
    visible_only: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Table2Row, ...]:
    """Decode and measure once per row.

    Args:
        store: heads of the pictures.
        truth: items to be found in them.
        params: parameters of the model.
        visible_only: whether to leave occluded landmarks out.
        advance: function called after every picture of every row.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    rows = []
    for name, chosen in row_params(params).items():
        found = measure(truth, detect_all(store, truth.schema, chosen, advance), visible_only=visible_only)
        rows.append(Table2Row(name, chosen, found.map_pt, found.map_box, _PAPER[name]))
    return tuple(rows)
