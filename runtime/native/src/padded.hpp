// A heatmap with a border of one cell around it, as runtime/decoding/padded.py: every cell has
// eight neighbours.
#pragma once

#include "gaussian.hpp"

namespace deepmark {

// Copy a map into one with a border of one cell, zeros or the nearest cell: (height, width) to
// (height + 2, width + 2).
void pad(const float* map, int height, int width, bool replicate, float* padded);

// Convolve the (height, width) cells inside the border with the Gaussian; the border of `blurred`
// is left as it is.
void blur(const float* padded, int height, int width, Kernel kernel, float* blurred);

}  // namespace deepmark
