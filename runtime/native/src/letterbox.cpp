#include "letterbox.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

struct Axis {
    int cell;      // the pixel at or before the position
    float weight;  // of the next pixel, 0 to 1
};

// Positions are not rounded to 1/32 pixel: OpenCV 5.0 does not do so either, and noise shows it by
// more than one grey level.
Axis split(double position) {
    const double cell = std::floor(position);
    return {static_cast<int>(cell), static_cast<float>(position - cell)};
}

float between(float first, float second, float weight) { return first + (second - first) * weight; }

std::uint8_t rounded(float value) { return static_cast<std::uint8_t>(std::lrint(value)); }

}  // namespace

bool letterbox(const std::uint8_t* image, int height, int width, std::uint8_t* input,
               int input_height, int input_width) {
    const int sides[] = {height, width, input_height, input_width};
    if (*std::min_element(sides, sides + 4) < 1 ||
        *std::max_element(sides, sides + 4) >= warp_limit)
        return false;
    // Image pixels per input pixel.
    const double pixels = double(std::max(height, width)) / input_width;
    const double left = width / 2.0 - pixels * (input_width / 2.0);
    const double top = height / 2.0 - pixels * (input_height / 2.0);
    const auto at = [&](int y, int x, int channel) -> float {
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        return inside ? float(image[(std::size_t(y) * std::size_t(width) + std::size_t(x)) * 3 +
                                    std::size_t(channel)])
                      : 0.0f;
    };
    for (int y = 0; y < input_height; ++y) {
        const Axis row = split(pixels * y + top);
        const bool row_inside = row.cell >= 0 && row.cell + 1 < height;
        for (int x = 0; x < input_width; ++x) {
            const Axis column = split(pixels * x + left);
            // Four pixels without a question each.
            if (row_inside && column.cell >= 0 && column.cell + 1 < width) {
                const std::size_t row_bytes = std::size_t(width) * 3;
                const std::uint8_t* above =
                    image + std::size_t(row.cell) * row_bytes + std::size_t(column.cell) * 3;
                const std::uint8_t* below = above + row_bytes;
                for (int channel = 0; channel < 3; ++channel)
                    *input++ = rounded(between(
                        between(above[channel], above[channel + 3], column.weight),
                        between(below[channel], below[channel + 3], column.weight), row.weight));
                continue;
            }
            for (int channel = 0; channel < 3; ++channel) {
                const float upper = between(at(row.cell, column.cell, channel),
                                            at(row.cell, column.cell + 1, channel), column.weight);
                const float lower =
                    between(at(row.cell + 1, column.cell, channel),
                            at(row.cell + 1, column.cell + 1, channel), column.weight);
                *input++ = rounded(between(upper, lower, row.weight));
            }
        }
    }
    return true;
}

}  // namespace deepmark
