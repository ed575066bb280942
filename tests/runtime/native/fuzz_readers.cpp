// libFuzzer's way into everything that reads files from elsewhere, and a camera's planes. The first
// byte chooses the reader.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "archive.hpp"
#include "bundle.hpp"
#include "camera_frame.hpp"
#include "deflate.hpp"
#include "json.hpp"
#include "letterbox.hpp"
#include "picture.hpp"
#include "refiner_bundle.hpp"

using namespace deepmark;

namespace {

// The fuzzed manifest stands in the working folder; its vectors and weights are never there, so
// that hashing does not take the time.
template <class Bundle>
void read_manifest_of(const Bytes& content) {
    if (std::FILE* file = std::fopen("manifest.json", "wb")) {
        if (!content.empty()) std::fwrite(content.data(), 1, content.size(), file);
        std::fclose(file);
    }
    Bundle bundle;
    std::string error;
    if (!Bundle::open(".", bundle, error) && error.empty()) std::abort();  // a refusal says why
}

template <class Value>
void read_with(bool (*read)(const Bytes&, Value&, std::string&), const Bytes& content) {
    Value value;
    std::string error;
    if (!read(content, value, error) && error.empty()) std::abort();
}

// A camera's planes, in memory of exactly their size: the content begins with the layout's numbers,
// 16 bits each, so that many of them are nearly right.
void read_frame(const Bytes& content) {
    constexpr int numbers = 16;
    if (content.size() < 2 * numbers) return;
    std::int16_t at[numbers];
    std::memcpy(at, content.data(), sizeof at);
    const std::size_t rest = content.size() - sizeof at;
    Bytes memory[3];
    Plane planes[3];
    for (int i = 0; i < 3; ++i) {
        const std::size_t size = std::min(std::size_t(std::uint16_t(at[i])), rest);
        memory[i].assign(content.end() - std::ptrdiff_t(size), content.end());
        memory[i].shrink_to_fit();
        planes[i] = {memory[i].data(), size, at[3 + 2 * i], at[4 + 2 * i]};
    }
    const FrameLayout layout = {planes[0], planes[1], planes[2], at[9],       at[10],
                                at[11],    at[12],    at[13],    at[14] != 0, at[15] != 0};
    CameraFrame frame;
    std::string error;
    if (!CameraFrame::open(layout, frame, error)) {
        if (error.empty()) std::abort();
        return;
    }
    unsigned sum = 0;
    for (int y = 0; y < frame.height; ++y)
        for (int x = 0; x < frame.width; ++x) sum += frame.at(y, x)[0];
    Bytes input(std::size_t(3) * 32 * 32);
    if (!letterbox(frame, input.data(), {32, 32}, error)) std::abort();
    if (sum == 1) std::fputc(input[0], stderr);  // what is read counts
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (!size) return 0;
    const Bytes content(data + 1, data + size);
    switch (data[0]) {
        case 'j': {
            Json value;
            std::string error;
            if (!parse_json(reinterpret_cast<const char*>(content.data()), content.size(), value,
                            error) &&
                error.empty())
                std::abort();
            break;
        }
        case 'm':
            read_manifest_of<Bundle>(content);
            break;
        case 'r':
            read_manifest_of<RefinerBundle>(content);
            break;
        case 'n':
            read_with(read_npz, content);
            break;
        case 'p':
            read_with(read_png, content);
            break;
        case 'q':
            read_with(read_ppm, content);
            break;
        case 'c':
            read_frame(content);
            break;
        case 'i': {
            Bytes out;
            inflate(content.data(), content.size(), content.size() * 3, 0, out);
            break;
        }
        default:
            return -1;  // not kept
    }
    return 0;
}
