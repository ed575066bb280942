#include "engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <numeric>

#include "mnn_api.hpp"

namespace deepmark {
namespace {

struct DestroyNet {
    void operator()(MNN::Interpreter* net) const { MNN::Interpreter::destroy(net); }
};
struct DestroyTensor {
    void operator()(MNN::Tensor* tensor) const { MNN::Tensor::destroy(tensor); }
};
using HostTensor = std::unique_ptr<MNN::Tensor, DestroyTensor>;

const halide_type_t float32 = {2, 32, 1};

HostTensor host_tensor(const std::vector<int>& shape, std::vector<float>& values) {
    return HostTensor(MNN::Tensor::create(shape, float32, values.data(), MNN::Tensor::CAFFE));
}

std::string in_words(const std::vector<int>& shape) {
    std::string words = "(";
    for (size_t i = 0; i < shape.size(); ++i) words += (i ? ", " : "") + std::to_string(shape[i]);
    return words + ")";
}

std::size_t count_of(const std::vector<int>& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t(1),
                           [](std::size_t product, int side) { return product * size_t(side); });
}

// MNN chooses each convolution's algorithm at a session's first size, and keeps it. At 3:4 it would
// take larger Winograd tiles for the smallest maps: slower than the whole square, with 1.7 times
// the memory (docs/decisions/0040). So a graph that takes any size is given the square of the
// longer side first, as in runtime/engines/mnn.py.
void prepare_square(MNN::Interpreter& net, MNN::Session* session, MNN::Tensor* input,
                    const std::vector<int>& shape) {
    const auto stated = input->shape();
    if (stated.size() != 4 || shape.size() != 4 || shape[2] == shape[3] ||
        *std::min_element(stated.begin(), stated.end()) > 0)
        return;
    const int side = std::max(shape[2], shape[3]);
    net.resizeTensor(input, {shape[0], shape[1], side, side});
    net.resizeSession(session);
}

struct StagedInput {
    MNN::Tensor* target = nullptr;
    std::vector<float> values;
    HostTensor tensor;
};

}  // namespace

struct Engine::State {
    // First, so that it is destroyed last: tensors die with it.
    std::unique_ptr<MNN::Interpreter, DestroyNet> net;
    MNN::Session* session = nullptr;
    std::vector<StagedInput> inputs;
    std::vector<MNN::Tensor*> sources;
    std::vector<HostTensor> targets;
    std::vector<Output> outputs;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

const std::vector<Output>& Engine::outputs() const { return state_->outputs; }

std::unique_ptr<Engine> Engine::load(const std::string& path, int height, int width, int multiple,
                                     const EngineSettings& settings, std::string& error) {
    // MNN accepts sizes that it cannot run, and then leaves the old outputs in place.
    if (height <= 0 || width <= 0 || height % multiple || width % multiple ||
        height > longest_side || width > longest_side) {
        error = "the input must have sides that are multiples of " + std::to_string(multiple) +
                " up to " + std::to_string(longest_side) + ", found " + std::to_string(height) +
                "x" + std::to_string(width);
        return nullptr;
    }
    return load(path, {{"", {1, 3, height, width}}}, settings, error);
}

std::unique_ptr<Engine> Engine::load(const std::string& path, const std::vector<Input>& inputs,
                                     const EngineSettings& settings, std::string& error) try {
    if (settings.threads < 1 || settings.threads > 64) {
        error = "threads must be 1 to 64, found " + std::to_string(settings.threads);
        return nullptr;
    }
    auto state = std::make_unique<State>();
    state->net.reset(MNN::Interpreter::createFromFile(path.c_str()));
    if (!state->net) {
        error = path + ": no MNN model, or one that cannot be read";
        return nullptr;
    }
    auto& net = *state->net;
    net.setSessionMode(MNN::Interpreter::Session_Release);
    if (settings.winograd_level >= 0)
        net.setSessionHint(MNN::Interpreter::WINOGRAD_MEMORY_LEVEL, settings.winograd_level);
    MNN::BackendConfig backend;
    backend.precision = settings.precision == Precision::fp16 ? MNN::BackendConfig::Precision_Low
                                                              : MNN::BackendConfig::Precision_High;
    backend.power = settings.power == Power::high  ? MNN::BackendConfig::Power_High
                    : settings.power == Power::low ? MNN::BackendConfig::Power_Low
                                                   : MNN::BackendConfig::Power_Normal;
    if (settings.memory == Memory::low) backend.memory = MNN::BackendConfig::Memory_Low;
    MNN::ScheduleConfig schedule;
    schedule.numThread = settings.threads;
    schedule.backendConfig = &backend;
    state->session = net.createSession(schedule);
    if (!state->session) {
        error = path + ": MNN makes no session of this model";
        return nullptr;
    }
    const auto& found = net.getSessionInputAll(state->session);
    if (found.size() != inputs.size()) {
        error = path + ": expected " +
                (inputs.size() == 1 ? "one input" : std::to_string(inputs.size()) + " inputs") +
                ", found " + std::to_string(found.size());
        return nullptr;
    }
    for (const auto& [name, shape] : inputs) {
        const auto at = name.empty() ? found.begin() : found.find(name);
        if (at == found.end()) {
            error = path + ": expected an input named " + name;
            return nullptr;
        }
        if (inputs.size() == 1) prepare_square(net, state->session, at->second, shape);
        net.resizeTensor(at->second, shape);
        StagedInput input;
        input.target = at->second;
        input.values.resize(count_of(shape));
        input.tensor = host_tensor(shape, input.values);  // a vector keeps its memory when moved
        state->inputs.push_back(std::move(input));
    }
    net.resizeSession(state->session);
    for (size_t i = 0; i < inputs.size(); ++i) {
        const auto shape = state->inputs[i].target->shape();
        if (shape == inputs[i].shape) continue;
        error = path + ": expected an input of " + in_words(inputs[i].shape) + ", found " +
                in_words(shape);
        return nullptr;
    }
    state->outputs.reserve(net.getSessionOutputAll(state->session).size());
    for (const auto& [name, tensor] : net.getSessionOutputAll(state->session)) {
        const auto shape = tensor->shape();
        if (shape.empty() || *std::min_element(shape.begin(), shape.end()) < 1) {
            error = path + ": output " + name + " is empty, with the shape " + in_words(shape);
            return nullptr;
        }
        Output output{name, shape, std::vector<float>(count_of(shape))};
        state->outputs.push_back(std::move(output));  // reserved: the host tensors point into it
        state->targets.push_back(host_tensor(shape, state->outputs.back().values));
        state->sources.push_back(tensor);
    }
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
} catch (const std::exception& caught) {
    error = path + ": " + caught.what();
    return nullptr;
}

bool Engine::run(std::initializer_list<const float*> inputs, std::string& error) try {
    if (inputs.size() != state_->inputs.size()) {
        error = "expected " + std::to_string(state_->inputs.size()) + " inputs, found " +
                std::to_string(inputs.size());
        return false;
    }
    // Before every run: MNN uses the inputs' memory for other tensors while it computes.
    const float* const* from = inputs.begin();
    for (StagedInput& to : state_->inputs) {
        std::memcpy(to.values.data(), *from++, to.values.size() * sizeof(float));
        if (!to.target->copyFromHostTensor(to.tensor.get())) {
            error = "MNN did not take the input";
            return false;
        }
    }
    if (const int code = state_->net->runSession(state_->session); code != MNN::NO_ERROR) {
        error = "MNN failed to run the network, error code " + std::to_string(code);
        return false;
    }
    for (size_t i = 0; i < state_->targets.size(); ++i) {
        // MNN returns true even when it copied nothing: a mark in the first value shows it.
        float& first = state_->outputs[i].values[0];
        first = std::numeric_limits<float>::quiet_NaN();
        if (!state_->sources[i]->copyToHostTensor(state_->targets[i].get()) || std::isnan(first)) {
            error = "MNN gave nothing, or no number, as output " + state_->outputs[i].name;
            return false;
        }
    }
    return true;
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

int Engine::threads_used() const {
    int threads = 0;
    state_->net->getSessionInfo(state_->session, MNN::Interpreter::THREAD_NUMBER, &threads);
    return threads;
}

float Engine::memory_mib() const {
    float memory = 0;
    state_->net->getSessionInfo(state_->session, MNN::Interpreter::MEMORY, &memory);
    return memory;
}

float Engine::mflops() const {
    float flops = 0;
    state_->net->getSessionInfo(state_->session, MNN::Interpreter::FLOPS, &flops);
    return flops;
}

bool Engine::has_extensions() const {
    constexpr int cpu_extension = 13;
    int backends[2] = {0, 0};
    state_->net->getSessionInfo(state_->session, MNN::Interpreter::BACKENDS, backends);
    return backends[0] == cpu_extension;
}

const char* Engine::mnn_version() { return MNN::getVersion(); }

}  // namespace deepmark
