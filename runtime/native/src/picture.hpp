// Pictures: PNG as cv2.imencode writes it, and binary PPM.
#pragma once

#include "bytes.hpp"
#include "pixels.hpp"

namespace deepmark {

// (height, width, 3) bytes, rows first, blue, green, red.
struct Picture {
    int height = 0, width = 0;
    Bytes pixels;

    BgrView view() const { return {pixels.data(), height, width}; }
};

// 8-bit RGB, not interlaced, at most 4096 * 4096 pixels; checksums are checked.
bool read_png(const Bytes& file, Picture& picture, std::string& error);

// P6 with 255 as its largest value, at most 16384 pixels a side.
bool read_ppm(const Bytes& file, Picture& picture, std::string& error);

}  // namespace deepmark
