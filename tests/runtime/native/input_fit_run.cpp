// input_fit_run: lines "PICTURE_HEIGHT PICTURE_WIDTH HEIGHT WIDTH MULTIPLE square|rect" from stdin,
// the input's "HEIGHTxWIDTH" of each to stdout.
#include "input_fit.hpp"

#include <iostream>

int main() {
    deepmark::Sides picture, size;
    int multiple = 0;
    std::string fit;
    while (std::cin >> picture.height >> picture.width >> size.height >> size.width >> multiple >>
           fit) {
        const auto wanted = fit == "rect" ? deepmark::Fit::rect : deepmark::Fit::square;
        std::cout << in_words(input_size(picture, size, multiple, wanted)) << '\n';
    }
    return std::cin.eof() ? 0 : 1;
}
