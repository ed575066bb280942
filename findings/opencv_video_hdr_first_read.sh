#!/bin/sh
# OpenCV from 4.13 on: read() maps the colours of an HDR video (HLG, PQ), and its first call takes seconds.
#
# opencv-python-headless 4.13.0.92, 5.0.0.93: two files with the same 256 x 256 frames, of which one says in its `colr`
# box that its values are HLG in BT.2020, as phones write it. The first read() of that one takes 4 to 20 seconds on one
# core (later ones milliseconds), and its pixels differ from the other's by about 30 of 255 in the mean. 4.12.0.88
# returns the same pixels for both, at once. The wheels from 4.13 on have FFmpeg 8, whose libswscale makes a table of all
# colours for such a conversion; OpenCV's documentation says nothing of it. So a network sees other colours after an
# upgrade, and a limit of a few seconds for a first frame fails. (BT.2020 or Display P3 without HDR does the same.)
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > look.py <<'PY'
import struct
import sys
import time

import cv2
import numpy as np

writer = cv2.VideoWriter("plain.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25, (256, 256))
frame = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), (256, 256))
for _ in range(5):
    writer.write(frame)
writer.release()
content = open("plain.mp4", "rb").read()
colour = struct.pack(">I4s4sHHHB", 19, b"colr", b"nclx", 9, 18, 9, 0)  # BT.2020, HLG
at = content.index(b"esds") - 4
content = content[:at] + colour + content[at:]
for kind in (b"mp4v", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # all that it lies in; samples come first
    start = content.rindex(kind, 0, at) - 4
    size = struct.unpack_from(">I", content, start)[0] + len(colour)
    content = content[:start] + struct.pack(">I", size) + content[start + 4 :]
open("hlg.mp4", "wb").write(content)

means, seconds = {}, {}
for name in ("plain", "hlg"):
    capture = cv2.VideoCapture(f"{name}.mp4")
    start = time.process_time()
    there, image = capture.read()
    assert there
    means[name], seconds[name] = image.astype(float), time.process_time() - start
difference = abs(means["plain"] - means["hlg"]).mean()
print(f"OpenCV {cv2.__version__}: first read {seconds['plain']:.2f} s and {seconds['hlg']:.2f} s, mean difference {difference:.1f}")
mapped = sys.argv[1] == "mapped"
assert (difference > 10) == mapped, "the pixels"
assert (seconds["hlg"] > 1) == mapped, "the time"
PY
for one in 4.12.0.88:stored 4.13.0.92:mapped 5.0.0.93:mapped; do
    python3 -m venv "venv${one%%:*}"
    "venv${one%%:*}/bin/pip" -q install "opencv-python-headless==${one%%:*}" numpy==2.2.6
    OPENCV_LOG_LEVEL=ERROR "venv${one%%:*}/bin/python" look.py "${one##*:}"
done
# Seen: OpenCV 4.12.0: first read 0.00 s and 0.00 s, mean difference 0.0
#       OpenCV 4.13.0: first read 0.00 s and 3.80 s, mean difference 31.4
#       OpenCV 5.0.0: first read 0.00 s and 4.04 s, mean difference 31.4
