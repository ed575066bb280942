#include "output.hpp"

#include <algorithm>
#include <numeric>

namespace deepmark {

std::size_t count_of(const std::vector<int>& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t(1),
                           [](std::size_t product, int side) { return product * size_t(side); });
}

bool add_output(const Output& output, const Parts& parts, std::vector<Output>& outputs,
                std::string& error) {
    if (parts.empty() || output.name != joined_name) {
        outputs.push_back(output);
        return true;
    }
    int channels = 0;
    std::string named;
    for (const Part& one : parts) {
        channels += one.channels;
        named += (named.empty() ? "" : ", ") + one.name + " " + std::to_string(one.channels);
    }
    const auto& shape = output.shape;
    if (shape.size() != 4 || shape[0] != 1 || shape[1] != channels) {
        error = "output " + output.name + " has " +
                std::to_string(shape.size() == 4 ? shape[1] : 0) + " channels, its manifest says " +
                std::to_string(channels) + ": " + named;
        return false;
    }
    const float* values = output.values;
    for (const Part& one : parts) {
        outputs.push_back({one.name, {1, one.channels, shape[2], shape[3]}, values});
        values += outputs.back().count();
    }
    return true;
}

void KeptOutputs::keep(const std::vector<Output>& outputs) {
    outputs_ = outputs;
    values_.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        values_[i].resize(outputs[i].count());
        std::copy(outputs[i].values, outputs[i].values + outputs[i].count(), values_[i].begin());
        outputs_[i].values = values_[i].data();
    }
}

void KeptOutputs::clear() {
    outputs_.clear();
    values_.clear();
}

}  // namespace deepmark
