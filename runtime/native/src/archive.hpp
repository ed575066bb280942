// NumPy archives (.npz): float32 arrays in a zip, stored or deflated.
#pragma once

#include <map>

#include "bytes.hpp"

namespace deepmark {

struct Array {
    std::vector<int> shape;
    std::vector<float> values;
};

// Name without ".npy" -> array; at most 64 arrays, 256 MiB in all.
bool read_npz(const Bytes& file, std::map<std::string, Array>& arrays, std::string& error);

}  // namespace deepmark
