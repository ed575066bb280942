// A phone camera's picture, YUV_420_888, read as the upright picture that people see.
#pragma once

#include <string>

#include "pixels.hpp"

namespace deepmark {

// One of the three planes; not owned.
struct Plane {
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;  // of what may be read; the last row may end with its last pixel
    int row_stride = 0, pixel_stride = 0;

    int at(int y, int x) const {
        return bytes[std::size_t(y) * std::size_t(row_stride) +
                     std::size_t(x) * std::size_t(pixel_stride)];
    }
};

// How it lies in memory, and how it is held.
struct FrameLayout {
    Plane y, u, v;                                 // u and v: a byte for 2 x 2 pixels
    int left = 0, top = 0, right = 0, bottom = 0;  // crop, in pixels of the whole picture
    int rotation = 0;         // degrees, clockwise, that make it upright: 0, 90, 180, 270
    bool mirrored = false;    // exchange left and right of the upright picture
    bool full_range = false;  // BT.601 with black 0 and white 255 (JFIF), not 16 and 235
};

// The cropped, turned and mirrored picture. Colours are those of the pixel's own u and v, not mixed
// with their neighbours: bit for bit cv2.cvtColor's for limited range, and the rounded values of
// JFIF's formula for full range.
class CameraFrame {
public:
    // False, with one sentence in `error`, where a pixel of the crop lies outside its plane, or the
    // layout is none.
    static bool open(const FrameLayout& layout, CameraFrame& frame, std::string& error);

    int height = 0, width = 0;  // of the upright picture

    Pixel at(int y, int x) const {
        const int column = column_.first + y * column_.per_row + x * column_.per_column;
        const int row = row_.first + y * row_.per_row + x * row_.per_column;
        return colour(y_.at(row, column), u_.at(row / 2, column / 2) - 128,
                      v_.at(row / 2, column / 2) - 128);
    }

private:
    // A coordinate in the camera's picture, from the row and column of the upright one.
    struct Way {
        int first = 0, per_row = 0, per_column = 0;
    };

    // Of BT.601, in units of 2^-20 grey levels.
    struct Weights {
        int black, y, blue_u, green_u, green_v, red_v;
    };
    static const Weights limited, full;

    Pixel colour(int y, int u, int v) const {
        const Weights& by = *weights_;
        const int light = (y > by.black ? y - by.black : 0) * by.y + (1 << 19);
        return {clamped(light + by.blue_u * u), clamped(light + by.green_u * u + by.green_v * v),
                clamped(light + by.red_v * v)};
    }
    static std::uint8_t clamped(int value) {
        value >>= 20;
        return std::uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
    }

    Plane y_, u_, v_;
    Way row_, column_;
    const Weights* weights_ = &limited;
};

}  // namespace deepmark
