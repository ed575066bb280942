#include "letterbox.hpp"

#include <algorithm>
#include <cmath>

#include "camera_frame.hpp"
#include "pixels.hpp"
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

template <class View>
bool letterbox(const View& picture, unsigned char* input, int input_height, int input_width,
               std::string& error) {
    const int height = picture.height, width = picture.width;
    if (std::min(height, width) < 1 || std::max(height, width) >= warp_limit) {
        error = "a picture must have sides of 1 to " + std::to_string(warp_limit - 1) +
                " pixels, found " + std::to_string(height) + "x" + std::to_string(width);
        return false;
    }
    // Image pixels per input pixel.
    const double pixels = double(std::max(height, width)) / input_width;
    const double left = width / 2.0 - pixels * (input_width / 2.0);
    const double top = height / 2.0 - pixels * (input_height / 2.0);
    const auto at = [&](int y, int x) {
        return y >= 0 && y < height && x >= 0 && x < width ? picture.at(y, x) : Pixel{};
    };
    const auto mix = [&](const Pixel& above, const Pixel& above_next, const Pixel& below,
                         const Pixel& below_next, float column, float row) {
        for (std::size_t channel = 0; channel < 3; ++channel)
            *input++ = rounded(between(between(above[channel], above_next[channel], column),
                                       between(below[channel], below_next[channel], column), row));
    };
    for (int y = 0; y < input_height; ++y) {
        const Axis row = split(pixels * y + top);
        const bool row_inside = row.cell >= 0 && row.cell + 1 < height;
        for (int x = 0; x < input_width; ++x) {
            const Axis column = split(pixels * x + left);
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

template bool letterbox(const BgrView&, unsigned char*, int, int, std::string&);
template bool letterbox(const ArgbView&, unsigned char*, int, int, std::string&);
template bool letterbox(const CameraFrame&, unsigned char*, int, int, std::string&);

}  // namespace deepmark
