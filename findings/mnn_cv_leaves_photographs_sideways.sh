#!/bin/sh
# MNN.cv.imread (MNN 3.6.1) leaves a photograph sideways that cv2.imread turns upright.
#
# MNN.cv is MNN's stand-in for OpenCV on phones: the same names, the same arguments. Its imread reads no EXIF, so a JPEG
# with an orientation, as phones write them, comes as its sensor stored it, with height and width exchanged, while
# OpenCV's imread applies the orientation. Both give BGR with 8 bits, and equal pixels for a JPEG without orientation.
# A network that is fed through MNN.cv on a phone and through cv2 on the computer sees different pictures of the same
# file; an evaluation of "the same pre-processing" does not show it on a data set without EXIF.
# Seen with MNN 3.6.1, opencv-python-headless 5.0.0.93, Python 3.11 on x86-64 Linux, 2026-11-28. Output:
#   without orientation: MNN.cv (24, 40, 3), cv2 (24, 40, 3), largest difference 0
#   orientation 6:       MNN.cv (24, 40, 3), cv2 (40, 24, 3)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet MNN==3.6.1 opencv-python-headless==5.0.0.93 numpy==2.4.6
cat > try.py <<'PYTHON'
import struct

import cv2
import MNN.cv
import numpy as np

image = np.full((24, 40, 3), 200, np.uint8)
plain = cv2.imencode(".jpg", image)[1].tobytes()
entry = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)  # tag, SHORT, one value: turn by 90 degrees, clockwise
tags = b"Exif\0\0II" + struct.pack("<HIH", 42, 8, 1) + entry + bytes(4)
turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(tags) + 2) + tags + plain[2:]
shapes = {}
for name, content in (("plain", plain), ("turned", turned)):
    with open(f"{name}.jpg", "wb") as file:
        file.write(content)
    theirs, ours = np.array(MNN.cv.imread(f"{name}.jpg").read()), cv2.imread(f"{name}.jpg")
    shapes[name] = theirs.shape, ours.shape
    if name == "plain":
        difference = np.abs(theirs.astype(int) - ours).max()
print(f"without orientation: MNN.cv {shapes['plain'][0]}, cv2 {shapes['plain'][1]}, largest difference {difference}")
print(f"orientation 6:       MNN.cv {shapes['turned'][0]}, cv2 {shapes['turned'][1]}")
assert difference == 0
assert shapes == {"plain": ((24, 40, 3), (24, 40, 3)), "turned": ((24, 40, 3), (40, 24, 3))}
PYTHON
venv/bin/python try.py
echo "as described"
