#include "picture.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "deflate.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

constexpr int longest_ppm_side = 16384;
constexpr std::size_t channels = 3;

std::uint32_t big_endian(const std::uint8_t* at) {
    return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 |
           at[3];
}

std::uint32_t adler32(const Bytes& data) {
    std::uint32_t a = 1, b = 0;
    for (std::uint8_t one : data) {
        a = (a + one) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

int paeth(int left, int up, int corner) {
    const int guess = left + up - corner;
    const int from_left = std::abs(guess - left), from_up = std::abs(guess - up),
              from_corner = std::abs(guess - corner);
    if (from_left <= from_up && from_left <= from_corner) return left;
    return from_up <= from_corner ? up : corner;
}

// Undo the filter of one row, in place; `above` is the row before, or zeros.
bool unfilter(std::uint8_t filter, std::uint8_t* row, const std::uint8_t* above, std::size_t size) {
    if (filter > 4) return false;
    for (std::size_t i = 0; i < size; ++i) {
        const int left = i >= channels ? row[i - channels] : 0, up = above[i];
        const int corner = i >= channels ? above[i - channels] : 0;
        const int predicted[] = {0, left, up, (left + up) / 2, paeth(left, up, corner)};
        row[i] = std::uint8_t(row[i] + predicted[filter]);
    }
    return true;
}

void swap_red_and_blue(Bytes& pixels) {
    for (std::size_t i = 0; i + 2 < pixels.size(); i += channels)
        std::swap(pixels[i], pixels[i + 2]);
}

}  // namespace

bool read_png(const Bytes& file, Picture& picture, std::string& error) {
    static const std::uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const auto fail = [&](const char* what) {
        error = std::string("no PNG that this program reads: ") + what;
        return false;
    };
    if (file.size() < 8 || std::memcmp(file.data(), signature, 8) != 0)
        return fail("another signature");
    Bytes packed;
    std::uint64_t width = 0, height = 0;
    bool ended = false;
    for (std::size_t at = 8; !ended;) {
        if (file.size() - at < 12) return fail("it ends early");
        const std::size_t length = big_endian(&file[at]);
        if (length > file.size() - at - 12) return fail("a chunk ends early");
        const std::uint8_t *kind = &file[at + 4], *body = kind + 4;
        if (crc32(kind, length + 4) != big_endian(body + length)) return fail("a checksum differs");
        const auto is = [&](const char* name) { return std::memcmp(kind, name, 4) == 0; };
        if ((at == 8) != is("IHDR")) return fail("IHDR must come first, once");
        if (is("IHDR")) {
            if (length != 13) return fail("IHDR must have 13 bytes");
            width = big_endian(body);
            height = big_endian(body + 4);
            if (body[8] != 8 || body[9] != 2 || body[10] || body[11] || body[12])
                return fail("expected 8-bit RGB, not interlaced");
            if (!width || !height || width > max_input_pixels || height > max_input_pixels ||
                width * height > max_input_pixels)
                return fail("expected 1 to 4096 * 4096 pixels");
        } else if (is("IDAT")) {
            packed.insert(packed.end(), body, body + length);
        } else if (is("IEND")) {
            ended = true;
        } else if (!(kind[0] & 32)) {
            return fail("an unknown critical chunk");
        }
        at += length + 12;
    }
    const auto row = std::size_t(width) * channels;
    Bytes rows;
    if (packed.size() < 6 || (packed[0] & 15) != 8 || (packed[0] * 256 + packed[1]) % 31 ||
        (packed[1] & 32) ||
        !inflate(packed.data() + 2, packed.size() - 2, (row + 1) * std::size_t(height), 4, rows))
        return fail("its pixels cannot be unpacked");
    if (adler32(rows) != big_endian(&packed[packed.size() - 4])) return fail("a checksum differs");
    picture.height = int(height);
    picture.width = int(width);
    picture.pixels.resize(row * std::size_t(height));
    const Bytes black(row, 0);
    const std::uint8_t* above = black.data();
    for (std::size_t y = 0; y < height; ++y) {
        std::uint8_t* to = &picture.pixels[y * row];
        std::copy_n(&rows[y * (row + 1) + 1], row, to);
        if (!unfilter(rows[y * (row + 1)], to, above, row)) return fail("an unknown filter");
        above = to;
    }
    swap_red_and_blue(picture.pixels);
    return true;
}

bool read_ppm(const Bytes& file, Picture& picture, std::string& error) {
    const auto fail = [&](const char* what) {
        error = std::string("no PPM that this program reads: ") + what;
        return false;
    };
    if (file.size() < 2 || file[0] != 'P' || file[1] != '6') return fail("expected P6");
    std::size_t at = 2;
    int numbers[3];
    for (int& number : numbers) {
        const std::size_t before = at;
        while (at < file.size() && (std::strchr(" \t\r\n", file[at]) || file[at] == '#') &&
               file[at]) {
            if (file[at] == '#')
                while (at < file.size() && file[at] != '\n') ++at;
            else
                ++at;
        }
        const std::size_t start = at;
        number = 0;
        for (; at < file.size() && file[at] >= '0' && file[at] <= '9' && at - start < 6; ++at)
            number = 10 * number + (file[at] - '0');
        if (start == before || at == start) return fail("expected a width, a height and 255");
    }
    if (numbers[0] < 1 || numbers[1] < 1 || std::max(numbers[0], numbers[1]) > longest_ppm_side)
        return fail("expected sides of 1 to 16384 pixels");
    if (numbers[2] != 255) return fail("expected 255 as the largest value");
    const std::size_t size = std::size_t(numbers[0]) * std::size_t(numbers[1]) * channels;
    if (at >= file.size() || !std::strchr(" \t\r\n", file[at]) || !file[at] ||
        file.size() - at - 1 != size)
        return fail("the number of bytes does not fit its size");
    picture.width = numbers[0];
    picture.height = numbers[1];
    picture.pixels.assign(file.begin() + std::ptrdiff_t(at) + 1, file.end());
    swap_red_and_blue(picture.pixels);
    return true;
}

}  // namespace deepmark
