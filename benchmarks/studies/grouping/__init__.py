"""What semantic grouping of the landmarks saves in training, and what it costs: Figure 4 and Table 1 of the paper.

Compares 62 groups with 294 landmarks. Both are timed in turn, step by step in one process, so that the ratio holds on a
busy machine too. With --train, two trainings of the same length on the same drawings are evaluated on drawings that
neither saw; a comparison that was stopped goes on where it was when it is started again.

Examples:
  python -m deepmark.benchmarks.studies grouping
  python -m deepmark.benchmarks.studies grouping --size 128 --batch 1 --batch 4 --rounds 20 --json
  python -m deepmark.benchmarks.studies grouping --arch resnet50 --arch mdla34 --arch hourglass104 --batch 2
  python -m deepmark.benchmarks.studies grouping --size 128 --train 3000 -o runs/grouping
  python -m deepmark.benchmarks.studies grouping --size 128 --train 600 -o runs/warm --init runs/first/last.pth
"""

from deepmark.benchmarks.studies.grouping.command import add_arguments, run

__all__ = ["add_arguments", "run"]
