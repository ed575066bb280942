// pose_crop_run HEIGHT WIDTH INPUT_HEIGHT INPUT_WIDTH X Y...: a picture from stdin; to stdout the
// landmarks in the input and back in the picture, float64 each, and the input, raw bytes.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "pose_crop.hpp"

using namespace deepmark;

int main(int count, char** words) {
    if (count < 5) return 2;
    int sides[4];
    for (int i = 0; i < 4; ++i) sides[i] = std::atoi(words[i + 1]);
    std::vector<unsigned char> image(size_t(sides[0]) * size_t(sides[1]) * 3);
    std::vector<unsigned char> input(size_t(sides[2]) * size_t(sides[3]) * 3);
    if (std::fread(image.data(), 1, image.size(), stdin) != image.size()) return 3;
    std::vector<Landmark> landmarks;
    for (int i = 5; i + 1 < count; i += 2) {
        landmarks.emplace_back();
        landmarks.back().x = std::strtof(words[i], nullptr);
        landmarks.back().y = std::strtof(words[i + 1], nullptr);
    }
    const BgrView view{image.data(), sides[0], sides[1]};
    PoseCrop crop;
    std::string error;
    if (!PoseCrop::of_pose(landmarks.data(), int(landmarks.size()), sides[2], sides[3], crop,
                           error) ||
        !crop.cut(view, input.data(), error)) {
        std::fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    for (const Landmark& one : landmarks) {
        const double inside[2] = {crop.to_input(double(one.x), 0), crop.to_input(double(one.y), 1)};
        const double back[2] = {crop.to_picture(inside[0], 0), crop.to_picture(inside[1], 1)};
        std::fwrite(inside, sizeof(double), 2, stdout);
        std::fwrite(back, sizeof(double), 2, stdout);
    }
    return std::fwrite(input.data(), 1, input.size(), stdout) == input.size() ? 0 : 3;
}
