#include "bytes.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace deepmark {

namespace {

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

}  // namespace

bool read_file(const std::string& path, std::size_t limit, Bytes& content, std::string& error) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) {
        error = path + ": " + std::strerror(errno);
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        error = path + ": no plain file";
        return false;
    }
    if (std::uint64_t(status.st_size) > limit) {
        error = path + ": expected at most " + std::to_string(limit) + " bytes, found " +
                std::to_string(status.st_size);
        return false;
    }
    File file(std::fopen(path.c_str(), "rb"));
    if (!file) {
        error = path + ": " + std::strerror(errno);
        return false;
    }
    content.resize(std::size_t(status.st_size));
    if (std::fread(content.data(), 1, content.size(), file.get()) != content.size()) {
        error = path + ": cannot be read to its end";
        return false;
    }
    return true;
}

namespace {

constexpr std::array<std::uint32_t, 64> rounds = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t turned(std::uint32_t value, int by) { return (value >> by) | (value << (32 - by)); }

void digest_block(const std::uint8_t* block, std::array<std::uint32_t, 8>& state) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i)
        w[i] = std::uint32_t(block[4 * i]) << 24 | std::uint32_t(block[4 * i + 1]) << 16 |
               std::uint32_t(block[4 * i + 2]) << 8 | block[4 * i + 3];
    for (std::size_t i = 16; i < 64; ++i)
        w[i] = w[i - 16] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ (w[i - 15] >> 3)) + w[i - 7] +
               (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ (w[i - 2] >> 10));
    auto s = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t first = s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) +
                                    ((s[4] & s[5]) ^ (~s[4] & s[6])) + rounds[i] + w[i];
        const std::uint32_t second = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) +
                                     ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        s = {first + second, s[0], s[1], s[2], s[3] + first, s[4], s[5], s[6]};
    }
    for (std::size_t i = 0; i < 8; ++i) state[i] += s[i];
}

using Digest = std::array<std::uint32_t, 8>;
constexpr Digest fresh = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Digest what is left of the data, 0 to 63 bytes, and write the whole in hex.
std::string finish(Digest state, const std::uint8_t* left, std::size_t rest, std::uint64_t size) {
    std::array<std::uint8_t, 128> last{};
    const std::size_t padded = rest < 56 ? 64 : 128;
    if (rest) std::memcpy(last.data(), left, rest);
    last[rest] = 0x80;
    for (std::size_t i = 0; i < 8; ++i) last[padded - 1 - i] = std::uint8_t(size * 8 >> (8 * i));
    for (std::size_t at = 0; at < padded; at += 64) digest_block(last.data() + at, state);
    std::string hex;
    char text[9];
    for (std::uint32_t word : state) {
        std::snprintf(text, sizeof text, "%08x", word);
        hex += text;
    }
    return hex;
}

}  // namespace

std::string sha256(const std::uint8_t* data, std::size_t size) {
    Digest state = fresh;
    std::size_t done = 0;
    for (; done + 64 <= size; done += 64) digest_block(data + done, state);
    return finish(state, data + done, size - done, size);
}

std::string sha256_of_file(const std::string& path, std::uint64_t& size) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    File file(std::fopen(path.c_str(), "rb"));
    if (!file) return {};
    Digest state = fresh;
    Bytes block(1 << 16);
    std::size_t done = 0, count = 0;
    size = 0;
    while ((count = std::fread(block.data(), 1, block.size(), file.get())) == block.size()) {
        for (done = 0; done < count; done += 64) digest_block(&block[done], state);
        size += count;
    }
    if (std::ferror(file.get())) return {};
    for (done = 0; done + 64 <= count; done += 64) digest_block(&block[done], state);
    return finish(state, block.data() + done, count - done, size += count);
}

std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> made{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
            made[i] = value;
        }
        return made;
    }();
    std::uint32_t crc = ~0u;
    for (std::size_t i = 0; i < size; ++i) crc = table[(crc ^ data[i]) & 255] ^ (crc >> 8);
    return ~crc;
}

namespace {

// Canonical Huffman codes, decoded bit by bit.
struct Codes {
    std::array<std::uint16_t, 16> counts{};
    std::array<std::uint16_t, 288> symbols{};

    bool make(const std::uint8_t* lengths, std::size_t count) {
        counts.fill(0);
        for (std::size_t i = 0; i < count; ++i) ++counts[lengths[i]];
        counts[0] = 0;
        int room = 1;
        std::array<std::uint16_t, 16> starts{};
        for (std::size_t length = 1; length < 16; ++length) {
            room = 2 * room - counts[length];
            if (room < 0) return false;
            if (length < 15) starts[length + 1] = std::uint16_t(starts[length] + counts[length]);
        }
        for (std::size_t i = 0; i < count; ++i)
            if (lengths[i]) symbols[starts[lengths[i]]++] = std::uint16_t(i);
        return true;
    }
};

struct Inflater {
    const std::uint8_t* data;
    std::size_t size, at = 0;
    std::uint32_t held = 0;
    unsigned held_bits = 0;
    bool failed = false;

    unsigned bits(unsigned count) {
        while (held_bits < count) {
            if (at >= size) {
                failed = true;
                return 0;
            }
            held |= std::uint32_t(data[at++]) << held_bits;
            held_bits += 8;
        }
        const unsigned value = held & ((1u << count) - 1);
        held >>= count;
        held_bits -= count;
        return value;
    }

    int symbol(const Codes& codes) {
        int code = 0, first = 0, index = 0;
        for (std::size_t length = 1; length < 16 && !failed; ++length) {
            code |= int(bits(1));
            const int count = codes.counts[length];
            if (code - first < count) return codes.symbols[std::size_t(index + code - first)];
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        failed = true;
        return -1;
    }

    bool stored(Bytes& out, std::size_t expected) {
        held = held_bits = 0;
        if (at + 4 > size) return false;
        const std::size_t count = data[at] | std::size_t(data[at + 1]) << 8;
        if ((count ^ 0xffff) != (data[at + 2] | std::size_t(data[at + 3]) << 8)) return false;
        at += 4;
        if (count > size - at || count > expected - out.size()) return false;
        out.insert(out.end(), data + at, data + at + count);
        at += count;
        return true;
    }

    bool lengths(Codes& literals, Codes& distances) {
        const std::size_t literal_count = bits(5) + 257, distance_count = bits(5) + 1, meta_count = bits(4) + 4;
        static const std::uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
        std::array<std::uint8_t, 320> found{};
        for (std::size_t i = 0; i < meta_count; ++i) found[order[i]] = std::uint8_t(bits(3));
        Codes meta;
        if (failed || literal_count > 286 || distance_count > 30 || !meta.make(found.data(), 19)) return false;
        found.fill(0);
        for (std::size_t i = 0; i < literal_count + distance_count;) {
            const int next = symbol(meta);
            if (failed) return false;
            if (next < 16) {
                found[i++] = std::uint8_t(next);
                continue;
            }
            if (next == 16 && i == 0) return false;
            const std::uint8_t repeated = next == 16 ? found[i - 1] : std::uint8_t(0);
            std::size_t times = next == 16 ? 3 + bits(2) : next == 17 ? 3 + bits(3) : 11 + bits(7);
            if (failed || times > literal_count + distance_count - i) return false;
            while (times--) found[i++] = repeated;
        }
        return literals.make(found.data(), literal_count) && distances.make(found.data() + literal_count, distance_count);
    }

    bool packed(const Codes& literals, const Codes& distances, Bytes& out, std::size_t expected) {
        static const std::uint16_t bases[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
        static const std::uint8_t extras[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
        while (true) {
            const int next = symbol(literals);
            if (failed) return false;
            if (next == 256) return true;
            if (next < 256) {
                if (out.size() >= expected) return false;
                out.push_back(std::uint8_t(next));
                continue;
            }
            if (next > 285) return false;
            const auto which = std::size_t(next - 257);
            const std::size_t length = bases[which] + bits(extras[which]);
            const int code = symbol(distances);
            if (failed || code > 29) return false;
            const unsigned extra = code < 4 ? 0 : unsigned(code) / 2 - 1;
            const std::size_t base = code < 4 ? std::size_t(code) + 1 : ((2 + (std::size_t(code) & 1)) << extra) + 1;
            const std::size_t back = base + bits(extra);
            if (failed || back > out.size() || length > expected - out.size()) return false;
            for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - back]);
        }
    }
};

}  // namespace

// 258 bytes cost 2 bits at least.
constexpr std::size_t most_expansion = 1032;

bool inflate(const std::uint8_t* data, std::size_t size, std::size_t expected, std::size_t trailer, Bytes& out) {
    Inflater in{data, size};
    out.clear();
    if (expected / most_expansion > size) return false;  // before there is memory for what can never come
    out.reserve(expected);
    for (bool last = false; !last;) {
        last = in.bits(1);
        const unsigned kind = in.bits(2);
        Codes literals, distances;
        if (in.failed || kind == 3) return false;
        if (kind == 0) {
            if (!in.stored(out, expected)) return false;
            continue;
        }
        if (kind == 1) {
            std::array<std::uint8_t, 288> fixed;
            for (std::size_t i = 0; i < 288; ++i) fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
            std::array<std::uint8_t, 30> fives;
            fives.fill(5);
            literals.make(fixed.data(), fixed.size());
            distances.make(fives.data(), fives.size());
        } else if (!in.lengths(literals, distances)) {
            return false;
        }
        if (!in.packed(literals, distances, out, expected)) return false;
    }
    const std::size_t unread = in.size - in.at + in.held_bits / 8;
    return out.size() == expected && unread == trailer;
}

}  // namespace deepmark
