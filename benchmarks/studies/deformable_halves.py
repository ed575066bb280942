"""What half-precision coordinates would do to deformable convolutions: simulated, as no x86 computes in halves.

Runs CHECKPOINT's network in torch, then again with the coordinates of every sample, from -1 to 1 across the map,
rounded to 16 bits, as fp16 arithmetic on a phone would at best; and compares heads and decoded objects as an export
does.

Examples:
  python -m deepmark.benchmarks.studies deformable_halves multi_pose_dla_3x.pth --size 256
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from deepmark.benchmarks.studies.support.arguments import existing_folder
from deepmark.console import print_json
from deepmark.extras import require

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParityReport

LIKE_TORCH = "torch"
HALVES = "coordinates in 16 bits"


@contextmanager
def half_coordinates() -> Iterator[None]:
    """Round the coordinates of deformable convolutions while this lasts."""
    from torch import Tensor
    from torch.nn import functional

    whole = functional.grid_sample

    def rounded(x: Tensor, grid: Tensor, **options: Any) -> Tensor:
        return whole(x, grid.half().float(), **options)

    with mock.patch("deepmark.models.deformable.F.grid_sample", rounded):
        yield


def measure(checkpoint: Path, size: tuple[int, int], pictures: Path | None) -> ParityReport:
    """Compare a network with itself.

    Args:
        checkpoint: what `load_checkpoint` takes.
        size: height and width of the input, in pixels.
        pictures: folder of pictures; None for those at hand (`deepmark.exporter.pictures`).

    Raises:
        DeepMarkError: the checkpoint or the pictures cannot be loaded.
    """
    from deepmark.exporter.parity import Tolerances
    from deepmark.exporter.pictures import gather_pictures
    from deepmark.exporter.stages import ChainStage, compare_stages, torch_stage
    from deepmark.models.describe import describe
    from deepmark.models.loading import load_checkpoint
    from deepmark.runtime.arrays import F32

    loaded = load_checkpoint(checkpoint)
    manifest = describe(loaded, "study", size, dynamic=True, logits=False)
    with ExitStack() as stack:
        right = stack.enter_context(torch_stage(loaded.network, manifest.heads))

        def run(x: F32) -> Any:
            with half_coordinates():
                return right.run(x)

        stages = [ChainStage(LIKE_TORCH, right.run), ChainStage(HALVES, run)]
        found = gather_pictures(pictures, checkpoint, size, multiple=manifest.input.multiple, dynamic=False)
        return compare_stages(stages, found, manifest, Tolerances())


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="A checkpoint with DCN.")
    parser.add_argument("--size", metavar="N|HxW", default="256", help="Input size, pixels.  [default: %(default)s]")
    parser.add_argument("--images", metavar="DIR", type=existing_folder, help="Pictures to run on.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.exporter.tables import print_report
    from deepmark.models.size import parse_size

    require("running the network", "torch", extra="export")
    found = measure(options.checkpoint, parse_size(options.size), options.images)
    if options.as_json:
        print_json(found.hops)
    else:
        print_report(found)
