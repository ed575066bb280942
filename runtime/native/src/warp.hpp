// Bilinear resampling of an upright rectangle of a picture, as cv2.warpAffine does it; black where
// the picture does not reach. Whatever includes it is compiled without fused multiply-adds: the
// same bytes on every processor.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "pixels.hpp"
#include "shared_numbers.hpp"

namespace deepmark {

// Where a resampled picture lies in its source: pixel (x, y) is at (left + step * x, top + step *
// y).
struct Sampling {
    double step, left, top;  // pixels of the source
};

struct SamplingAxis {
    int cell;      // the pixel at or before the position
    float weight;  // of the next pixel, 0 to 1
};

// Positions are not rounded to 1/32 pixel: OpenCV 5.0 does not do so either, and noise shows it by
// more than one grey level.
inline SamplingAxis split(double position) {
    const double cell = std::floor(position);
    // Outside any picture all places are alike.
    return {static_cast<int>(std::clamp(cell, -2.0, double(warp_limit))),
            static_cast<float>(position - cell)};
}

inline float between(float first, float second, float weight) {
    return first + (second - first) * weight;
}

inline std::uint8_t rounded(float value) { return static_cast<std::uint8_t>(std::lrint(value)); }

// View: BgrView, ArgbView, CameraFrame.
// out: (height, width, 3) bytes, overwritten.
// False, with one sentence in `error`, and nothing written, where require_sides refuses the
// picture.
template <class View>
bool warp(const View& picture, const Sampling& at_source, unsigned char* out, int out_height,
          int out_width, std::string& error) {
    const int height = picture.height, width = picture.width;
    if (!require_sides(height, width, error)) return false;
    const auto at = [&](int y, int x) {
        return y >= 0 && y < height && x >= 0 && x < width ? picture.at(y, x) : Pixel{};
    };
    const auto mix = [&](const Pixel& above, const Pixel& above_next, const Pixel& below,
                         const Pixel& below_next, float column, float row) {
        for (std::size_t channel = 0; channel < 3; ++channel)
            *out++ = rounded(between(between(above[channel], above_next[channel], column),
                                     between(below[channel], below_next[channel], column), row));
    };
    for (int y = 0; y < out_height; ++y) {
        const SamplingAxis row = split(at_source.step * y + at_source.top);
        const bool row_inside = row.cell >= 0 && row.cell + 1 < height;
        for (int x = 0; x < out_width; ++x) {
            const SamplingAxis column = split(at_source.step * x + at_source.left);
            const int i = row.cell, j = column.cell;
            if (row_inside && j >= 0 && j + 1 < width)  // four pixels without a question each
                mix(picture.at(i, j), picture.at(i, j + 1), picture.at(i + 1, j),
                    picture.at(i + 1, j + 1), column.weight, row.weight);
            else
                mix(at(i, j), at(i, j + 1), at(i + 1, j), at(i + 1, j + 1), column.weight,
                    row.weight);
        }
    }
    return true;
}

}  // namespace deepmark
