// camera_frame_run LAYOUT... INPUT_HEIGHT INPUT_WIDTH: the three planes from stdin; the upright
// picture, and the network's input made of the planes, to stdout, raw bytes. LAYOUT: length, row
// and pixel stride of y, u and v; left, top, right, bottom, rotation, mirrored, full range.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "camera_frame.hpp"
#include "letterbox.hpp"

using namespace deepmark;

namespace {

bool write(const std::vector<unsigned char>& bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size();
}

}  // namespace

int main(int count, char** words) {
    if (count != 19) return 2;
    int numbers[18];
    for (int i = 0; i < 18; ++i) numbers[i] = std::atoi(words[i + 1]);
    // Each of its own: a read beyond its end is seen.
    std::vector<unsigned char> content[3];
    Plane planes[3];
    for (int i = 0; i < 3; ++i) {
        content[i].resize(size_t(numbers[3 * i]));
        content[i].shrink_to_fit();
        if (std::fread(content[i].data(), 1, content[i].size(), stdin) != content[i].size())
            return 1;
        planes[i] = {content[i].data(), content[i].size(), numbers[3 * i + 1], numbers[3 * i + 2]};
    }
    const int* at = numbers + 9;
    CameraFrame frame;
    std::string error;
    if (!CameraFrame::open({planes[0], planes[1], planes[2], at[0], at[1], at[2], at[3], at[4],
                            at[5] != 0, at[6] != 0},
                           frame, error)) {
        std::fprintf(stderr, "%s\n", error.c_str());
        return 1;
    }
    std::vector<unsigned char> picture, input(size_t(at[7]) * size_t(at[8]) * 3);
    for (int y = 0; y < frame.height; ++y)
        for (int x = 0; x < frame.width; ++x) {
            const Pixel pixel = frame.at(y, x);
            picture.insert(picture.end(), pixel.begin(), pixel.end());
        }
    if (!letterbox(frame, input.data(), {at[7], at[8]}, error)) return 1;
    return write(picture) && write(input) ? 0 : 1;
}
