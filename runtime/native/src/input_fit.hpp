// The size of the network's input for a picture, as runtime/input_fit.py.
#pragma once

#include "deepmark/deepmark.hpp"

namespace deepmark {

struct Sides {
    int height = 0, width = 0;  // pixels

    bool operator==(const Sides& other) const {
        return height == other.height && width == other.width;
    }
};

std::string in_words(const Sides& sides);  // HEIGHTxWIDTH
const char* in_words(Fit fit);             // as the manifest and command lines say it

// picture: sides of at least 1 pixel.
// size: of the model's own input, multiples of `multiple`.
Sides input_size(const Sides& picture, const Sides& size, int multiple, Fit fit);

}  // namespace deepmark
