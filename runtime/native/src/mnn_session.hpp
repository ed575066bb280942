// One network in MNN's Session API, its inputs and outputs staged in the host's memory. What is
// right for a CPU or a GPU is decided by who uses it.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "engine.hpp"
#include "mnn_api.hpp"

namespace deepmark {

struct DestroyNet {
    void operator()(MNN::Interpreter* net) const { MNN::Interpreter::destroy(net); }
};
struct DestroyTensor {
    void operator()(MNN::Tensor* tensor) const { MNN::Tensor::destroy(tensor); }
};
using HostTensor = std::unique_ptr<MNN::Tensor, DestroyTensor>;

struct MnnSession {
    struct StagedInput {
        MNN::Tensor* target = nullptr;
        std::vector<float> values;
        HostTensor tensor;
    };

    struct StagedOutput {
        std::string name;
        MNN::Tensor* source = nullptr;
        std::vector<float> values;
        HostTensor tensor;
    };

    // First, so that it is destroyed last: tensors die with it.
    std::unique_ptr<MNN::Interpreter, DestroyNet> net;
    MNN::Session* session = nullptr;
    std::vector<StagedInput> inputs;
    std::vector<StagedOutput> staged;  // one copy each
    std::vector<Output> outputs;       // in the staged ones' memory; a joined one's parts by name

    // In this order; each False with one sentence in `error` on failure.
    bool read(const std::string& path, std::string& error);
    bool create(const std::string& path, const MNN::ScheduleConfig& schedule, std::string& error);
    bool prepare(const std::string& path, const std::vector<Input>& wanted, const Parts& parts,
                 std::string& error);

    // Before every run: MNN uses the inputs' memory for other tensors while it computes.
    bool copy_in(std::initializer_list<const float*> values, std::string& error);
    bool copy_out(std::string& error);

    int info(MNN::Interpreter::SessionInfoCode code) const;
};

}  // namespace deepmark
