"""The array types of this project; what a number in them means stands where they are used."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]  # numbers of classes and of heatmap cells
Index = npt.NDArray[np.intp]  # positions in other arrays
Mask = npt.NDArray[np.bool_]
Image8 = npt.NDArray[np.uint8]  # (H, W, 3) BGR, unless said otherwise
