#include "engine.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>

#include "gpu_session.hpp"
#include "mnn_session.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

// MNN chooses each convolution's algorithm at a session's first size, and keeps it. At 3:4 it would
// take larger Winograd tiles for the smallest maps: slower than the whole square, with 1.7 times
// the memory (docs/decisions/0040). So a graph that takes any size is given the square of the
// longer side first, but for long strips, as in runtime/engines/mnn.py. On a GPU a session has one
// size only.
void prepare_square(MnnSession& mnn, const std::vector<int>& shape) {
    const auto& found = mnn.net->getSessionInputAll(mnn.session);
    if (found.size() != 1) return;
    MNN::Tensor* input = found.begin()->second;
    const auto stated = input->shape();
    if (stated.size() != 4 || shape.size() != 4 || shape[2] == shape[3] ||
        *std::min_element(stated.begin(), stated.end()) > 0)
        return;
    const int side = std::max(shape[2], shape[3]);
    if (std::int64_t(side) * side - std::int64_t(shape[2]) * shape[3] > most_squared) return;
    mnn.net->resizeTensor(input, {shape[0], shape[1], side, side});
    mnn.net->resizeSession(mnn.session);
}

}  // namespace

struct Engine::State {
    MnnSession mnn;
    std::unique_ptr<GpuFacts> gpu;  // null: it runs on the CPU
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

const std::vector<Output>& Engine::outputs() const { return state_->mnn.outputs; }
const GpuFacts* Engine::gpu() const { return state_->gpu.get(); }

std::unique_ptr<Engine> Engine::load(const ModelFile& model, int height, int width, int multiple,
                                     const EngineSettings& settings, std::string& error) {
    // MNN accepts sizes that it cannot run, and then leaves the old outputs in place.
    if (height <= 0 || width <= 0 || height % multiple || width % multiple ||
        height > longest_side || width > longest_side) {
        error = "the input must have sides that are multiples of " + std::to_string(multiple) +
                " up to " + std::to_string(longest_side) + ", found " + std::to_string(height) +
                "x" + std::to_string(width);
        return nullptr;
    }
    return load(model, {{"", {1, 3, height, width}}}, settings, error);
}

std::unique_ptr<Engine> Engine::load(const ModelFile& model, const std::vector<Input>& inputs,
                                     const EngineSettings& settings, std::string& error) try {
    auto state = std::make_unique<State>();
    if (is_gpu(settings.compute)) {
        state->gpu = std::make_unique<GpuFacts>();
        if (!open_on_gpu(model, inputs, settings, state->mnn, *state->gpu, error)) return nullptr;
        return std::unique_ptr<Engine>(new Engine(std::move(state)));
    }
    if (settings.threads < 1 || settings.threads > 64) {
        error = "threads must be 1 to 64, found " + std::to_string(settings.threads);
        return nullptr;
    }
    MnnSession& mnn = state->mnn;
    if (!mnn.read(model.path, error)) return nullptr;
    mnn.net->setSessionMode(MNN::Interpreter::Session_Release);
    if (settings.winograd_level >= 0)
        mnn.net->setSessionHint(MNN::Interpreter::WINOGRAD_MEMORY_LEVEL, settings.winograd_level);
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
    if (!mnn.create(model.path, schedule, error)) return nullptr;
    if (inputs.size() == 1) prepare_square(mnn, inputs[0].shape);
    if (!mnn.prepare(model.path, inputs, model.parts, error)) return nullptr;
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
} catch (const std::exception& caught) {
    error = model.path + ": " + caught.what();
    return nullptr;
}

bool Engine::run(std::initializer_list<const float*> inputs, std::string& error) try {
    MnnSession& mnn = state_->mnn;
    if (state_->gpu) return run_on_gpu(mnn, inputs, *state_->gpu, error);
    if (!mnn.copy_in(inputs, error)) return false;
    if (const int code = mnn.net->runSession(mnn.session); code != MNN::NO_ERROR) {
        error = "MNN failed to run the network, error code " + std::to_string(code);
        return false;
    }
    return mnn.copy_out(error);
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

int Engine::threads_used() const {
    return state_->gpu ? 0 : state_->mnn.info(MNN::Interpreter::THREAD_NUMBER);
}

float Engine::memory_mib() const {
    float memory = 0;
    state_->mnn.net->getSessionInfo(state_->mnn.session, MNN::Interpreter::MEMORY, &memory);
    return memory;
}

float Engine::mflops() const {
    float flops = 0;
    state_->mnn.net->getSessionInfo(state_->mnn.session, MNN::Interpreter::FLOPS, &flops);
    return flops;
}

bool Engine::has_extensions() const {
    return state_->mnn.info(MNN::Interpreter::BACKENDS) == MNN_FORWARD_CPU_EXTENSION;
}

const char* Engine::mnn_version() { return MNN::getVersion(); }

}  // namespace deepmark
