#include "padded.hpp"

#include <algorithm>

namespace deepmark {

void pad(const float* map, int height, int width, bool replicate, float* padded) {
    const std::ptrdiff_t row = width + 2;
    for (int y = 0; y < height; ++y) {
        float* to = padded + (y + 1) * row;
        std::copy_n(map + std::ptrdiff_t(y) * width, width, to + 1);
        to[0] = replicate ? to[1] : 0;
        to[width + 1] = replicate ? to[width] : 0;
    }
    float* last = padded + (height + 1) * row;
    if (replicate) {
        std::copy_n(padded + row, row, padded);
        std::copy_n(last - row, row, last);
    } else {
        std::fill_n(padded, row, 0.0f);
        std::fill_n(last, row, 0.0f);
    }
}

void blur(const float* padded, int height, int width, Kernel kernel, float* blurred) {
    const std::ptrdiff_t row = width + 2;
    for (int y = 1; y <= height; ++y) {
        const float* from = padded + y * row;
        float* to = blurred + y * row;
        for (int x = 1; x <= width; ++x) to[x] = kernel.weigh(from + x, row);
    }
}

}  // namespace deepmark
