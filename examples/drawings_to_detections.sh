#!/bin/sh
# From nothing to a tuned bundle and its detections, on drawings: some five minutes on two cores.
#   sh examples/drawings_to_detections.sh [FOLDER]      (default: build/example; it must not exist)
# With DeepFashion2 in place of the drawings, and a training of days in place of two minutes, the same commands hold.
set -eu
cd "$(dirname "$0")/.."
work=${1:-build/example}
[ ! -e "$work" ] || { echo "error: $work exists already; delete it, or name another folder" >&2; exit 2; }
mkdir -p "$work"
PATH="$PWD/.venv/bin:$PATH"

# Two sets that the training does not see: one to search on, one to judge.
deepmark synth "$work/search" --count 80 --seed 11 --size 128
deepmark synth "$work/judge" --count 40 --seed 12 --size 128

# Two minutes of training, from the demo network, without which they would not suffice.
deepmark train --synthetic -o "$work/run" --size 128 --pictures 400 --steps 100 --batch 8 --lr 1e-4 \
    --init models/demo/mdla34_synthetic_fp16.pth --val-pictures 24

deepmark export "$work/run/best.pth" --to mnn --size 128 --name example -o "$work"
deepmark eval "$work/example.deepmark" --images "$work/judge" --annotations "$work/judge" --report "$work/before.html"
deepmark tune "$work/example.deepmark" --images "$work/search" --annotations "$work/search" --write
deepmark eval "$work/example.deepmark" --images "$work/judge" --annotations "$work/judge" --report "$work/after.html"
deepmark verify "$work/example.deepmark"
deepmark detect "$work/example.deepmark" models/demo/samples -o "$work/found" --contact-sheet "$work/found.png"
echo "The bundle:             $work/example.deepmark"
echo "Accuracy, before/after: $work/before.html $work/after.html"
echo "What it finds:          $work/found.png"
