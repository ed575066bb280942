"""The whole search: split the pictures, search on one part, tell on the other what was gained."""

from __future__ import annotations

import time
from dataclasses import dataclass

from deepmark.console import Progress, no_progress
from deepmark.errors import UsageError
from deepmark.exporter.tuning.items import labelled_items, split_pictures, truth_sha256
from deepmark.exporter.tuning.scorer import open_scorer
from deepmark.exporter.tuning.shard import StagingPlan
from deepmark.exporter.tuning.sweeps import (
    OFF,
    TECHNIQUE_OF,
    Parameter,
    SigmaMap,
    Sweep,
    make_grid,
    map_sigmas,
    search,
    values_of,
)
from deepmark.models.evaluation.gains import Gains, compare
from deepmark.models.evaluation.metric import require_hotcoco
from deepmark.models.evaluation.store import HeadStore
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.cpu import usable_cores
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import TECHNIQUES, with_techniques

STEPS = 20  # the paper's: 0 to 1, step 0.05


@dataclass(frozen=True, slots=True)
class PartSize:
    """Some of the pictures: their number, and of the garments in them."""

    pictures: int
    items: int


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What was found.

    Attributes:
        searched: pictures that the search saw.
        checked: pictures that the search did not see; gains are measured on these.
        truth_sha256: sha256 of all annotations, in hex.
        start: the model's parameters.
        found: best parameters.
        sweeps: searches of one parameter each, in order.
        over_start: gains of ``found`` over ``start``.
        over_off: gains of ``found`` over no technique at all.
        significant: whether ``found`` is surely better than ``start``: the interval of mAP_pt's gain lies above 0; of
            mAP_box's for boxes only.
        sigma_map: map of both sigmas, Figure 10; None where it was not asked for.
        search_s: duration of the search on heads that were there, staging included, without map and check, in seconds.
    """

    searched: PartSize
    checked: PartSize
    truth_sha256: str
    start: DecoderParams
    found: DecoderParams
    sweeps: tuple[Sweep, ...]
    over_start: Gains
    over_off: Gains
    significant: bool
    sigma_map: SigmaMap | None
    search_s: float


def parameters_of(techniques: frozenset[int] | None) -> tuple[Parameter, ...]:
    """Name what is searched for, in order.

    Args:
        techniques: numbers of techniques, 1 to 4; None for all.

    Raises:
        UsageError: none of them has a parameter.
    """
    chosen = TECHNIQUES if techniques is None else techniques
    found = tuple(name for name in OFF if TECHNIQUE_OF[name] in chosen)
    if not found:
        raise UsageError(
            "there is nothing to search for: techniques 1, 2 and 3 have parameters, 4 has none",
            hint="give some of these, for example --techniques 1,2",
        )
    return found


def tune(
    store: HeadStore,
    truth: Truth,
    *,
    steps: int = STEPS,
    check_share: float = 0.5,
    seed: int = 0,
    techniques: frozenset[int] | None = None,
    workers: int | None = None,
    with_map: bool = False,
    progress: Progress = no_progress,
) -> TuneReport:
    """Search the techniques' parameters for the model whose heads these are.

    Args:
        store: heads of all pictures, from the backend that will run the model.
        truth: items that are to be found in the pictures.
        steps: number of steps of the grid 0, 1 / steps, ..., 1.
        check_share: share of the pictures that the search does not see, in (0, 1).
        seed: seed of the split and of the bootstrap.
        techniques: techniques to use, others are switched off; None searches 1, 2 and 3 and leaves 4 as it is. Of a
            network without ``hm_hp`` only ``sigma_center`` is searched.
        workers: number of processes; None for one per usable core.
        with_map: whether Figure 10 is made, too.
        progress: display of how far it is.

    Raises:
        UsageError: no technique with a parameter is to be used.
        DataError: there is too little to search on.
        EngineError: a process was killed.
        DeepMarkError: hotcoco is not installed.
    """
    require_hotcoco()
    parameters, grid = parameters_of(techniques), make_grid(steps)
    if "hm_hp" not in store.manifest.heads.heads:  # all others are of the landmark heatmap: nothing would change
        parameters = tuple(name for name in parameters if name == "sigma_center")
    to_search, to_check = split_pictures(truth, check_share, seed)
    start = store.manifest.decoder
    begin = start if techniques is None else with_techniques(start, techniques)
    processes = workers or usable_cores()
    plan = StagingPlan(truth.schema, begin, values_of("sigma_center", begin, grid))
    sigma_map, begun = None, time.perf_counter()
    with open_scorer(store, to_search, plan, processes, progress) as scorer:
        trials = sum(len(values_of(name, begin, grid)) for name in parameters)
        with progress("searching", trials, "values") as advance:
            found, sweeps = search(begin, grid, parameters, lambda many: scorer.scores(many, advance, boxes=True))
        search_s = time.perf_counter() - begun
        if with_map:
            with progress("mapping", len(grid) ** 2, "pairs of sigmas") as advance:
                sigma_map = map_sigmas(found, grid, lambda many: scorer.scores(many, advance, boxes=False))
    off = with_techniques(start, frozenset())
    over_start, over_off = compare(store, to_check, found, (start, off), seed=seed, progress=progress)
    return TuneReport(
        searched=PartSize(len(to_search.image_ids), labelled_items(to_search)),
        checked=PartSize(len(to_check.image_ids), labelled_items(to_check)),
        truth_sha256=truth_sha256(truth),
        start=start,
        found=found,
        sweeps=sweeps,
        over_start=over_start,
        over_off=over_off,
        significant=over_start.sought.is_significant,
        sigma_map=sigma_map,
        search_s=round(search_s, 2),
    )
