// What a network gives: outputs by name, those that it gives in one told apart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace deepmark {

std::size_t count_of(const std::vector<int>& shape);

// One output: float32, the last axis nearest together. Not owned: the next run overwrites it.
struct Output {
    std::string name;
    std::vector<int> shape;  // of a head (1, channels, height, width)
    const float* values = nullptr;

    std::size_t count() const { return count_of(shape); }
};

// What the output `joined_name` holds, one after the other along the channels, in order.
struct Part {
    std::string name;
    int channels = 0;
};
using Parts = std::vector<Part>;
constexpr char joined_name[] = "heads";

// Add an output to others; instead of a joined one its parts, as runtime/engines/joined_output.py.
//
// parts: empty: nothing is joined.
// False, with one sentence in `error`, where a joined one has another number of channels.
bool add_output(const Output& output, const Parts& parts, std::vector<Output>& outputs,
                std::string& error);

// Outputs as they were after a run, whatever the network does then.
class KeptOutputs {
public:
    void keep(const std::vector<Output>& outputs);  // of one network: values stay where they are
    const std::vector<Output>& outputs() const { return outputs_; }
    void clear();

private:
    std::vector<std::vector<float>> values_;
    std::vector<Output> outputs_;
};

}  // namespace deepmark
