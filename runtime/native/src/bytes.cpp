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
        w[i] = w[i - 16] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ (w[i - 15] >> 3)) +
               w[i - 7] + (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ (w[i - 2] >> 10));
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
constexpr Digest fresh = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

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

}  // namespace deepmark
