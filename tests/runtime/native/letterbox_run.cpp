// letterbox_run HEIGHT WIDTH INPUT_HEIGHT INPUT_WIDTH: a picture from stdin, the network's input to
// stdout, raw bytes.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "letterbox.hpp"
#include "pixels.hpp"

int main(int count, char** words) {
    if (count != 5) return 2;
    int sides[4];
    for (int i = 0; i < 4; ++i) sides[i] = std::atoi(words[i + 1]);
    std::vector<unsigned char> image(size_t(sides[0]) * size_t(sides[1]) * 3);
    std::vector<unsigned char> input(size_t(sides[2]) * size_t(sides[3]) * 3);
    if (std::fread(image.data(), 1, image.size(), stdin) != image.size()) return 1;
    const deepmark::BgrView view{image.data(), sides[0], sides[1]};
    std::string error;
    if (!deepmark::letterbox(view, input.data(), {sides[2], sides[3]}, error)) return 1;
    return std::fwrite(input.data(), 1, input.size(), stdout) == input.size() ? 0 : 1;
}
