// libFuzzer's way into everything that reads files from elsewhere. The first byte chooses the
// reader.
#include <cstdio>
#include <cstdlib>

#include "archive.hpp"
#include "bundle.hpp"
#include "deflate.hpp"
#include "json.hpp"
#include "picture.hpp"

using namespace deepmark;

namespace {

// The fuzzed manifest stands in the working folder; its vectors and weights are never there, so
// that hashing does not take the time.
void read_manifest(const Bytes& content) {
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
            read_manifest(content);
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
