#!/bin/sh
# Whether OpenCV's wheel decodes AV1 does not follow its version: 4.14 does, and 4.12, 4.13 and 5.0 do not.
#
# opencv-python-headless 4.12.0.88, 4.13.0.92, 4.14.0.94, 5.0.0.93 on Linux x86-64, and a file of nine frames that PyAV
# 18.1.0 encoded with SVT-AV1. All open it, isOpened() is True and CAP_PROP_FRAME_COUNT is 9. But 4.12, 4.13 and 5.0 give
# no frame: they have FFmpeg's `av1` decoder alone, which wants a graphics card. 4.14's wheel brings dav1d. So the way out
# for videos that phones and web sites write today is an older release.
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv encoder
encoder/bin/pip -q install av==18.1.0 numpy==2.2.6
encoder/bin/python - <<'PY' 2> encoder.log
import av
import numpy as np

with av.open("nine.mp4", "w") as file:
    stream = file.add_stream("libsvtav1", rate=30)
    stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
    for number in range(9):
        frame = av.VideoFrame.from_ndarray(np.full((256, 256, 3), 20 * number, np.uint8), "bgr24")
        file.mux(stream.encode(frame))
    file.mux(stream.encode())
PY
for one in 4.12.0.88:0 4.13.0.92:0 4.14.0.94:9 5.0.0.93:0; do
    python3 -m venv "venv${one%%:*}"
    "venv${one%%:*}/bin/pip" -q install "opencv-python-headless==${one%%:*}" numpy==2.2.6
    "venv${one%%:*}/bin/python" - "${one##*:}" <<'PY' 2> "log${one%%:*}"
import sys

import cv2

capture = cv2.VideoCapture("nine.mp4")
opened, promised, found = capture.isOpened(), int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0
while capture.read()[0]:
    found += 1
print(f"OpenCV {cv2.__version__}: opened {opened}, {promised} frames promised, {found} read")
assert (opened, promised, found) == (True, 9, int(sys.argv[1]))
PY
done
# Seen: OpenCV 4.12.0: opened True, 9 frames promised, 0 read
#       OpenCV 4.13.0: opened True, 9 frames promised, 0 read
#       OpenCV 4.14.0: opened True, 9 frames promised, 9 read
#       OpenCV 5.0.0: opened True, 9 frames promised, 0 read
