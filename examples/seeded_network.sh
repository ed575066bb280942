#!/bin/sh
# Any network from a seeded checkpoint to detections: exported to ONNX and MNN, each step proven equal, verified.
#   sh examples/seeded_network.sh ARCHITECTURE [SIZE] [garments|persons|boxes] [STACKS]
# Leaves build/networks/ARCHITECTURE.deepmark and pictures beside it. The weights mean nothing, and so do the objects.
set -eu
cd "$(dirname "$0")/.."
arch=$1 size=${2:-64} case=${3:-garments} stacks=${4:-2}
work=build/networks
mkdir -p "$work"
PATH="$PWD/.venv/bin:$PATH"

python -m deepmark.models.seeded "$arch" "$work/$arch.pth" --case "$case" --stacks "$stacks"
deepmark export "$work/$arch.pth" --to onnx --to mnn --size "$size" -o "$work"
deepmark verify "$work/$arch.deepmark"
deepmark detect "$work/$arch.deepmark" models/demo/samples/sample0.png -o "$work/$arch-found"
