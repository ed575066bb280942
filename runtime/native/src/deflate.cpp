#include "deflate.hpp"

#include <array>

namespace deepmark {

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
        const std::size_t literal_count = bits(5) + 257, distance_count = bits(5) + 1,
                          meta_count = bits(4) + 4;
        static const std::uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                               11, 4,  12, 3, 13, 2, 14, 1, 15};
        std::array<std::uint8_t, 320> found{};
        for (std::size_t i = 0; i < meta_count; ++i) found[order[i]] = std::uint8_t(bits(3));
        Codes meta;
        if (failed || literal_count > 286 || distance_count > 30 || !meta.make(found.data(), 19))
            return false;
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
        return literals.make(found.data(), literal_count) &&
               distances.make(found.data() + literal_count, distance_count);
    }

    bool packed(const Codes& literals, const Codes& distances, Bytes& out, std::size_t expected) {
        static const std::uint16_t bases[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                67, 83, 99, 115, 131, 163, 195, 227, 258};
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
            const std::size_t base =
                code < 4 ? std::size_t(code) + 1 : ((2 + (std::size_t(code) & 1)) << extra) + 1;
            const std::size_t back = base + bits(extra);
            if (failed || back > out.size() || length > expected - out.size()) return false;
            for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - back]);
        }
    }
};

}  // namespace

// 258 bytes cost 2 bits at least.
constexpr std::size_t most_expansion = 1032;

bool inflate(const std::uint8_t* data, std::size_t size, std::size_t expected, std::size_t trailer,
             Bytes& out) {
    Inflater in{data, size};
    out.clear();
    if (expected / most_expansion > size)
        return false;  // before there is memory for what can never come
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
            for (std::size_t i = 0; i < 288; ++i)
                fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
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
