// What zip and PNG pack with.
#pragma once

#include "bytes.hpp"

namespace deepmark {

// RFC 1951: raw deflate that must fill exactly `expected` bytes and leave nothing but `trailer`
// bytes of its input.
bool inflate(const std::uint8_t* data, std::size_t size, std::size_t expected, std::size_t trailer,
             Bytes& out);

// CRC-32 of zip and PNG.
std::uint32_t crc32(const std::uint8_t* data, std::size_t size);

}  // namespace deepmark
