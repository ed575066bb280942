// Files as bytes, and what is read out of bytes; every reader takes hostile input and answers false
// with one sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace deepmark {

using Bytes = std::vector<std::uint8_t>;

// Read a plain file of at most `limit` bytes.
bool read_file(const std::string& path, std::size_t limit, Bytes& content, std::string& error);

// FIPS 180-4, in hex.
std::string sha256(const std::uint8_t* data, std::size_t size);

// The same of a file, without holding it in memory; its length goes to `size`. Empty where it
// cannot be read.
std::string sha256_of_file(const std::string& path, std::uint64_t& size);

}  // namespace deepmark
