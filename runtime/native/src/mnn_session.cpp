#include "mnn_session.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace deepmark {
namespace {

const halide_type_t float32 = {2, 32, 1};

HostTensor host_tensor(const std::vector<int>& shape, std::vector<float>& values) {
    return HostTensor(MNN::Tensor::create(shape, float32, values.data(), MNN::Tensor::CAFFE));
}

std::string in_words(const std::vector<int>& shape) {
    std::string words = "(";
    for (size_t i = 0; i < shape.size(); ++i) words += (i ? ", " : "") + std::to_string(shape[i]);
    return words + ")";
}

}  // namespace

bool MnnSession::read(const std::string& path, std::string& error) {
    net.reset(MNN::Interpreter::createFromFile(path.c_str()));
    if (!net) error = path + ": no MNN model, or one that cannot be read";
    return bool(net);
}

bool MnnSession::create(const std::string& path, const MNN::ScheduleConfig& schedule,
                        std::string& error) {
    session = net->createSession(schedule);
    if (!session) error = path + ": MNN makes no session of this model";
    return session != nullptr;
}

bool MnnSession::prepare(const std::string& path, const std::vector<Input>& wanted,
                         const Parts& parts, std::string& error) {
    const auto& found = net->getSessionInputAll(session);
    if (found.size() != wanted.size()) {
        error = path + ": expected " +
                (wanted.size() == 1 ? "one input" : std::to_string(wanted.size()) + " inputs") +
                ", found " + std::to_string(found.size());
        return false;
    }
    bool resized = false;
    for (const auto& [name, shape] : wanted) {
        const auto at = name.empty() ? found.begin() : found.find(name);
        if (at == found.end()) {
            error = path + ": expected an input named " + name;
            return false;
        }
        // A model of one size is prepared by now, and Vulkan is wrong after a second, larger size.
        if (at->second->shape() != shape) {
            net->resizeTensor(at->second, shape);
            resized = true;
        }
        StagedInput input;
        input.target = at->second;
        input.values.resize(count_of(shape));
        input.tensor = host_tensor(shape, input.values);  // a vector keeps its memory when moved
        inputs.push_back(std::move(input));
    }
    if (resized) net->resizeSession(session);
    for (size_t i = 0; i < wanted.size(); ++i) {
        const auto shape = inputs[i].target->shape();
        if (shape == wanted[i].shape) continue;
        error = path + ": expected an input of " + in_words(wanted[i].shape) + ", found " +
                in_words(shape);
        return false;
    }
    for (const auto& [name, tensor] : net->getSessionOutputAll(session)) {
        const auto shape = tensor->shape();
        if (shape.empty() || *std::min_element(shape.begin(), shape.end()) < 1) {
            error = path + ": output " + name + " is empty, with the shape " + in_words(shape);
            return false;
        }
        Output output{name, shape};
        StagedOutput one{name, tensor, std::vector<float>(output.count()), nullptr};
        one.tensor = host_tensor(shape, one.values);  // a vector keeps its memory when moved
        output.values = one.values.data();
        staged.push_back(std::move(one));
        if (!add_output(output, parts, outputs, error)) {
            error = path + ": " + error;
            return false;
        }
    }
    return true;
}

bool MnnSession::copy_in(std::initializer_list<const float*> values, std::string& error) {
    if (values.size() != inputs.size()) {
        error = "expected " + std::to_string(inputs.size()) + " inputs, found " +
                std::to_string(values.size());
        return false;
    }
    const float* const* from = values.begin();
    for (StagedInput& to : inputs) {
        std::memcpy(to.values.data(), *from++, to.values.size() * sizeof(float));
        if (!to.target->copyFromHostTensor(to.tensor.get())) {
            error = "MNN did not take the input";
            return false;
        }
    }
    return true;
}

bool MnnSession::copy_out(std::string& error) {
    for (StagedOutput& one : staged) {
        // MNN returns true even when it copied nothing: a mark in the first value shows it.
        float& first = one.values[0];
        first = std::numeric_limits<float>::quiet_NaN();
        if (!one.source->copyToHostTensor(one.tensor.get()) || std::isnan(first)) {
            error = "MNN gave nothing, or no number, as output " + one.name;
            return false;
        }
    }
    return true;
}

int MnnSession::info(MNN::Interpreter::SessionInfoCode code) const {
    int values[2] = {0, 0};
    net->getSessionInfo(session, code, values);
    return values[0];
}

}  // namespace deepmark
