// read_run KIND FILE [SIZE]: read one hostile file; what it holds to stdout as raw bytes, or one
// sentence and exit 1.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "archive.hpp"
#include "bundle.hpp"
#include "deflate.hpp"
#include "json.hpp"
#include "picture.hpp"
#include "refiner_bundle.hpp"

using namespace deepmark;

namespace {

std::string written(const Json& value) {
    std::string text;
    char number[32];
    switch (value.kind) {
        case Json::null:
            return "null";
        case Json::boolean:
            return value.truth ? "true" : "false";
        case Json::number:
            std::snprintf(number, sizeof number, "%.17g", value.value);
            return number;
        case Json::string:
            return quoted(value.text);
        case Json::array:
            for (const Json& one : value.items) text += (text.empty() ? "" : ",") + written(one);
            return "[" + text + "]";
        case Json::object:
            for (const auto& [name, one] : value.members)
                text += (text.empty() ? "" : ",") + quoted(name) + ":" + written(one);
            return "{" + text + "}";
    }
    return text;
}

void write(const void* data, std::size_t size) {
    if (size) std::fwrite(data, 1, size, stdout);
}

bool read(const std::string& kind, const std::string& path, std::size_t expected,
          std::string& error) {
    if (kind == "bundle") {
        Bundle bundle;
        return Bundle::open(path, bundle, error);
    }
    if (kind == "refiner") {
        RefinerBundle bundle;
        return RefinerBundle::open(path, bundle, error);
    }
    Bytes content;
    if (!read_file(path, 1 << 26, content, error)) return false;
    if (kind == "png" || kind == "ppm") {
        Picture picture;
        if (!(kind == "png" ? read_png : read_ppm)(content, picture, error)) return false;
        write(picture.pixels.data(), picture.pixels.size());
    } else if (kind == "npz") {
        std::map<std::string, Array> arrays;
        if (!read_npz(content, arrays, error)) return false;
        for (const auto& [name, array] : arrays)
            write(array.values.data(), array.values.size() * sizeof(float));
    } else if (kind == "deflate") {
        Bytes out;
        error = "not deflated";
        if (!inflate(content.data(), content.size(), expected, 0, out)) return false;
        write(out.data(), out.size());
    } else if (kind == "json") {
        Json value;
        if (!parse_json(reinterpret_cast<const char*>(content.data()), content.size(), value,
                        error))
            return false;
        const std::string text = written(value);
        write(text.data(), text.size());
    } else if (kind == "sha256") {
        std::uint64_t size = 0;
        const std::string whole = sha256(content.data(), content.size());
        error = "both differ";
        if (whole != sha256_of_file(path, size) || size != content.size()) return false;
        write(whole.data(), whole.size());
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    if (count < 3) return 2;
    std::string error;
    const std::size_t expected = count > 3 ? std::size_t(std::atoll(words[3])) : 0;
    if (read(words[1], words[2], expected, error)) return 0;
    std::fprintf(stderr, "error: %s\n", error.c_str());
    return 1;
}
