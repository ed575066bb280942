#include "archive.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "deflate.hpp"

namespace deepmark {
namespace {

constexpr std::size_t most_arrays = 64;
constexpr std::uint64_t most_bytes = 256 << 20;
constexpr std::size_t end_size = 22, entry_size = 46, local_size = 30;

std::uint32_t u16(const std::uint8_t* at) { return at[0] | std::uint32_t(at[1]) << 8; }
std::uint32_t u32(const std::uint8_t* at) { return u16(at) | u16(at + 2) << 16; }

// The shape in an .npy header such as {'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }.
bool read_header(const std::string& header, std::vector<int>& shape, std::uint64_t& count) {
    static const std::string before = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    if (header.compare(0, before.size(), before) != 0) return false;
    std::size_t at = before.size();
    count = 1;
    while (at < header.size() && header[at] != ')') {
        std::uint64_t side = 0;
        const std::size_t start = at;
        for (; at < header.size() && header[at] >= '0' && header[at] <= '9' && at - start < 9; ++at)
            side = 10 * side + std::uint64_t(header[at] - '0');
        if (at == start || shape.size() == 4) return false;
        shape.push_back(int(side));
        count *= side;
        if (count > most_bytes) return false;
        while (at < header.size() && (header[at] == ',' || header[at] == ' ')) ++at;
    }
    return at < header.size() && header.find_first_not_of(" ,}\n", at + 1) == std::string::npos;
}

bool read_npy(const Bytes& file, Array& array) {
    if (file.size() < 12 || std::memcmp(file.data(), "\x93NUMPY", 6) != 0) return false;
    const bool is_long = file[6] >= 2;
    const std::size_t start = is_long ? 12 : 10, length = is_long ? u32(&file[8]) : u16(&file[8]);
    if (length > 4096 || length > file.size() - start) return false;
    std::uint64_t count = 0;
    const char* header = reinterpret_cast<const char*>(file.data()) + start;
    if (!read_header(std::string(header, length), array.shape, count)) return false;
    if (file.size() - start - length != count * sizeof(float)) return false;
    array.values.resize(std::size_t(count));
    if (count)
        std::memcpy(array.values.data(), file.data() + start + length,
                    std::size_t(count) * sizeof(float));
    return std::all_of(array.values.begin(), array.values.end(),
                       [](float value) { return std::isfinite(value); });
}

}  // namespace

bool read_npz(const Bytes& file, std::map<std::string, Array>& arrays, std::string& error) {
    const auto fail = [&](const std::string& what) {
        error = "no NumPy archive: " + what;
        return false;
    };
    const std::size_t size = file.size();
    if (size < end_size || std::memcmp(&file[size - end_size], "PK\5\6", 4) != 0)
        return fail("the end of a zip is missing");
    const std::uint8_t* end = &file[size - end_size];
    const std::size_t entries = u16(end + 10);
    std::size_t at = u32(end + 16);
    if (entries > most_arrays)
        return fail("it holds " + std::to_string(entries) + " files, expected at most 64");
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < entries; ++i) {
        if (at > size || size - at < entry_size || std::memcmp(&file[at], "PK\1\2", 4) != 0)
            return fail("its directory is damaged");
        const std::uint8_t* entry = &file[at];
        const std::size_t packed = u32(entry + 20), unpacked = u32(entry + 24),
                          name_size = u16(entry + 28);
        const std::size_t local = u32(entry + 42), method = u16(entry + 10);
        if (size - at - entry_size < name_size) return fail("its directory is damaged");
        const std::string name(reinterpret_cast<const char*>(entry) + entry_size, name_size);
        at += entry_size + name_size + u16(entry + 30) + u16(entry + 32);
        if (name.size() < 5 || name.compare(name.size() - 4, 4, ".npy") != 0)
            return fail("it holds other files");
        if ((total += unpacked) > most_bytes) return fail("it unpacks to more than 256 MiB");
        if (local > size || size - local < local_size ||
            std::memcmp(&file[local], "PK\3\4", 4) != 0)
            return fail("an entry is damaged");
        const std::size_t start = local_size + u16(&file[local + 26]) + u16(&file[local + 28]);
        if (start > size - local || packed > size - local - start)
            return fail("an entry ends early");
        const std::uint8_t* data = file.data() + local + start;
        Bytes content;
        if (method == 0 && packed == unpacked)
            content.assign(data, data + packed);
        else if (method != 8 || !inflate(data, packed, unpacked, 0, content))
            return fail("an entry cannot be unpacked");
        if (crc32(content.data(), content.size()) != u32(entry + 16))
            return fail("a checksum differs");
        Array array;
        if (!read_npy(content, array))
            return fail(name.substr(0, 64) + " is no array of finite float32 values");
        if (!arrays.emplace(name.substr(0, name.size() - 4), std::move(array)).second)
            return fail("a name stands twice");
    }
    return true;
}

}  // namespace deepmark
