// Pictures in memory as the letterbox reads them: any view with a height, a width and pixels.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "shared_numbers.hpp"

namespace deepmark {

using Pixel = std::array<std::uint8_t, 3>;  // blue, green, red

// (height, width, 3) bytes, rows first, blue, green, red; not owned.
struct BgrView {
    const std::uint8_t* bytes;
    int height, width;

    Pixel at(int y, int x) const {
        const std::uint8_t* pixel =
            bytes + (std::size_t(y) * std::size_t(width) + std::size_t(x)) * 3;
        return {pixel[0], pixel[1], pixel[2]};
    }
};

// (height, width) words, rows first, 0xAARRGGBB, as Android's Bitmap gives them; not owned. Alpha
// is not looked at.
struct ArgbView {
    const std::int32_t* words;
    int height, width;

    Pixel at(int y, int x) const {
        const auto word =
            std::uint32_t(words[std::size_t(y) * std::size_t(width) + std::size_t(x)]);
        return {std::uint8_t(word), std::uint8_t(word >> 8), std::uint8_t(word >> 16)};
    }
};

// Whether each side of a picture has 1 to warp_limit - 1 pixels. False: `error` says what was
// found.
inline bool require_sides(int height, int width, std::string& error) {
    if (std::min(height, width) >= 1 && std::max(height, width) < warp_limit) return true;
    error = "a picture must have sides of 1 to " + std::to_string(warp_limit - 1) +
            " pixels, found " + std::to_string(height) + "x" + std::to_string(width);
    return false;
}

}  // namespace deepmark
