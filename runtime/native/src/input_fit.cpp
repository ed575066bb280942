#include "input_fit.hpp"

#include <algorithm>

namespace deepmark {

std::string in_words(const Sides& sides) {
    return std::to_string(sides.height) + "x" + std::to_string(sides.width);
}

const char* in_words(Fit fit) { return fit == Fit::rect ? "rect" : "square"; }

Sides input_size(const Sides& picture, const Sides& size, int multiple, Fit fit) {
    if (fit == Fit::square) return size;
    const std::int64_t height = picture.height, width = picture.width;
    // The side that the picture fills, of the input and of the picture: its scale is their ratio.
    const bool by_height = size.height * width <= size.width * height;
    const std::int64_t full = by_height ? size.height : size.width,
                       whole = by_height ? height : width;
    const auto rounded_up = [&](std::int64_t side, int limit) {
        const std::int64_t step = whole * multiple;
        return int(std::min<std::int64_t>((side * full + step - 1) / step * multiple, limit));
    };
    return {rounded_up(height, size.height), rounded_up(width, size.width)};
}

}  // namespace deepmark
