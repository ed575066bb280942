#include "gpu_session.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gpu_device.hpp"
#include "gpu_library.hpp"
#include "kernel_cache.hpp"
#include "mnn_output.hpp"
#include "stopwatch.hpp"

namespace deepmark {
namespace {

constexpr char needs_fp32[] = "GridSample";  // its coordinates lose their fraction in fp16
constexpr std::size_t in_depth = 5;          // dimensions
constexpr std::size_t most_named = 3;        // operators in an error

struct Placement {
    int operators = 0;
    bool samples = false;             // one is a GridSample
    bool samples_in_depth = false;    // of five dimensions
    std::vector<std::string> on_cpu;  // "name (type)"

    // most: number of operators on the CPU to name.
    std::string sentence(const std::string& place, std::size_t most) const {
        std::string said = std::to_string(operators - int(on_cpu.size())) + " of " +
                           std::to_string(operators) + " operators on " + place;
        const std::size_t named = std::min(on_cpu.size(), most);
        for (std::size_t i = 0; i < named; ++i) said += (i ? ", " : "; on the CPU: ") + on_cpu[i];
        if (named < on_cpu.size())
            said += " and " + std::to_string(on_cpu.size() - named) + " more";
        return said;
    }
};

// What was printed, but for the path of a file that MNN names there, which may hold any word.
std::string without(std::string printed, const std::string& path) {
    while (!path.empty()) {
        const std::size_t at = printed.find(path);
        if (at == std::string::npos) break;
        printed.erase(at, path.size());
    }
    return printed;
}

// False: MNN printed a line that means trouble.
bool is_sound(const std::string& printed, const char* what, const GpuFacts& facts,
              std::string& error) {
    const std::string trouble = trouble_in(printed);
    if (trouble.empty() || (facts.may_use_cpu && trouble.find("upport") != std::string::npos))
        return true;
    error = std::string("MNN's ") + what + " on " + facts.name + " went wrong: " + trouble;
    return false;
}

// Run by `body`, which returns MNN's code, between the copies.
template <class Body>
bool run(MnnSession& mnn, std::initializer_list<const float*> inputs, const GpuFacts& facts,
         std::string& error, Body body) {
    MnnOutput output;
    for (auto& one : mnn.staged)  // a read that fails would leave the last picture's there
        std::fill(one.values.begin(), one.values.end(), std::numeric_limits<float>::quiet_NaN());
    if (!mnn.copy_in(inputs, error)) return false;
    const int code = body();
    std::string unread;
    const bool read = mnn.copy_out(unread);
    if (!is_sound(output.end(), "run", facts, error)) return false;
    if (code != MNN::NO_ERROR) {
        error = "MNN's run on " + facts.name + " failed with code " + std::to_string(code);
        return false;
    }
    for (const Output& one : mnn.outputs) {
        if (std::all_of(one.values, one.values + one.count(),
                        [](float value) { return std::isfinite(value); }))
            continue;
        error = facts.name + " gives NaN or infinite values in " + one.name;
        return false;
    }
    if (!read) error = unread;
    return read;
}

Placement looked_at(const MnnSession& mnn, int& code) {
    Placement found;
    const auto before = [](const std::vector<MNN::Tensor*>&, const MNN::OperatorInfo*) {
        return true;
    };
    const auto after = [&found](const std::vector<MNN::Tensor*>& tensors,
                                const MNN::OperatorInfo* info) {
        ++found.operators;
        if (info->type() == needs_fp32) {
            found.samples = true;
            for (const MNN::Tensor* one : tensors)
                if (one->shape().size() == in_depth) found.samples_in_depth = true;
        }
        if (std::any_of(tensors.begin(), tensors.end(),
                        [](const MNN::Tensor* one) { return one->is_in_host_memory(); }))
            found.on_cpu.push_back(info->name() + " (" + info->type() + ")");
        return true;
    };
    code = mnn.net->runSessionWithCallBackInfo(mnn.session, before, after);
    return found;
}

std::vector<float> noise(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<float> values(count);
    for (float& value : values) value = float(random()) / float(std::mt19937::max()) * 4 - 2;
    return values;
}

// Require that every operator runs on the GPU, and that other pictures give other heads.
bool prove(MnnSession& mnn, const EngineSettings& settings, GpuFacts& facts, std::string& error) {
    const std::size_t count = mnn.inputs[0].values.size();
    const std::vector<float> first = noise(count, 1), second = noise(count, 2);
    Placement placement;
    const Stopwatch watch;
    const auto look = [&] {
        int code = 0;
        placement = looked_at(mnn, code);
        return code;
    };
    if (!run(mnn, {first.data()}, facts, error, look)) return false;
    facts.first_ms = watch.ms();
    if (placement.samples_in_depth && settings.compute == Compute::vulkan) {
        error =
            "the model has deformable convolutions, whose samples MNN computes wrongly on Vulkan: "
            "compute on OpenCL or the CPU";
        return false;
    }
    if (placement.samples && settings.gpu.precision != GpuPrecision::high) {
        error =
            "the model has deformable convolutions, whose places do not fit into fp16: ask for "
            "precision high";
        return false;
    }
    facts.operators = placement.operators;
    facts.on_cpu = int(placement.on_cpu.size());
    facts.placement = placement.sentence(facts.name, placement.on_cpu.size());
    if (facts.on_cpu && !facts.may_use_cpu) {
        error = "only " + placement.sentence(facts.name, most_named) +
                ": allow operators on the CPU, take another storage, or export for a GPU";
        return false;
    }
    KeptOutputs before;
    before.keep(mnn.outputs);
    if (!run_on_gpu(mnn, {second.data()}, facts, error)) return false;
    for (std::size_t i = 0; i < mnn.outputs.size(); ++i) {
        const Output &one = before.outputs()[i], &other = mnn.outputs[i];
        if (std::equal(one.values, one.values + one.count(), other.values)) {
            error = facts.name + " gives the same " + one.name + " for two different pictures";
            return false;
        }
    }
    return true;
}

MNN::BackendConfig back_end_of(const EngineSettings& settings) {
    MNN::BackendConfig back_end;
    back_end.precision =
        settings.gpu.precision == GpuPrecision::high  ? MNN::BackendConfig::Precision_High
        : settings.gpu.precision == GpuPrecision::low ? MNN::BackendConfig::Precision_Low
                                                      : MNN::BackendConfig::Precision_Normal;
    if (settings.memory == Memory::low) back_end.memory = MNN::BackendConfig::Memory_Low;
    return back_end;
}

// Let MNN write what was compiled, and keep it; it would write there again when its interpreter
// goes.
void take_kernels(MnnSession& mnn, KernelLoan& kernels, double spent_ms) {
    if (kernels.file().empty()) return;
    std::string trouble;
    {
        MnnOutput output;
        mnn.net->updateCacheFile(mnn.session);
        // A driver that hands out no binary, say.
        trouble = trouble_in(without(output.end(), kernels.file()));
    }
    {
        MnnOutput output;
        mnn.net->setCacheFile("");
    }
    if (trouble.empty())
        kernels.keep(spent_ms);
    else
        kernels.give_up(trouble);
}

// Make the session, with kept kernels where some were lent, and prove it.
bool make(const ModelFile& model, const std::vector<Input>& inputs, const EngineSettings& settings,
          KernelLoan& kernels, MnnSession& mnn, GpuFacts& facts, std::string& error) {
    MNN::BackendConfig back_end = back_end_of(settings);
    MNN::ScheduleConfig schedule;
    schedule.type = settings.compute == Compute::opencl ? MNN_FORWARD_OPENCL : MNN_FORWARD_VULKAN;
    schedule.numThread = facts.mode;  // one field for both
    schedule.backendConfig = &back_end;
    Stopwatch phase;
    {
        MnnOutput output;
        if (!mnn.read(model.path, error)) return false;
        if (!is_sound(output.end(), "reading", facts, error)) return false;
    }
    mnn.net->setSessionMode(MNN::Interpreter::Session_Debug);  // callbacks for every operator
    if (!kernels.file().empty()) {
        MnnOutput output;  // of an empty file it says that it cannot be read
        mnn.net->setCacheFile(kernels.file().c_str());
    }
    {
        MnnOutput output;
        if (!mnn.create(model.path, schedule, error)) return false;
        if (!is_sound(without(output.end(), kernels.file()), "session", facts, error)) return false;
    }
    facts.create_ms = phase.lap_ms();
    const int found = mnn.info(MNN::Interpreter::BACKENDS);
    if (found != schedule.type) {
        error = "MNN did not take " + facts.name + ": its session runs on back end " +
                std::to_string(found) + ", expected " + std::to_string(schedule.type);
        return false;
    }
    {
        MnnOutput output;
        if (!mnn.prepare(model.path, inputs, model.parts, error)) return false;
        if (!is_sound(without(output.end(), kernels.file()), "preparation", facts, error))
            return false;
    }
    facts.resize_ms = phase.lap_ms();
    if (!prove(mnn, settings, facts, error)) return false;
    const double spent_ms = facts.create_ms + facts.resize_ms + facts.first_ms;
    take_kernels(mnn, kernels, spent_ms);
    facts.kernels = kernels.state();
    facts.compiled_ms = kernels.compiled_ms(spent_ms);
    return true;
}

}  // namespace

bool run_on_gpu(MnnSession& mnn, std::initializer_list<const float*> inputs, const GpuFacts& facts,
                std::string& error) {
    return run(mnn, inputs, facts, error, [&] { return int(mnn.net->runSession(mnn.session)); });
}

bool open_on_gpu(const ModelFile& model, const std::vector<Input>& inputs,
                 const EngineSettings& settings, MnnSession& mnn, GpuFacts& facts,
                 std::string& error) {
    GpuDevice device;
    if (!check_gpu(settings, error) || !load_gpu_library(settings.compute, error) ||
        !find_device(settings.compute, device, error))
        return false;
    if (inputs.size() != 1) {
        error = model.path + ": a GPU runs networks of one input only";
        return false;
    }
    if (settings.gpu.precision != GpuPrecision::high && !device.fp16) {
        error = device.name + " has no fp16: MNN would compute precision " +
                gpu_precisions[std::size_t(settings.gpu.precision)] + " in fp32";
        return false;
    }
    facts.name = place_name(device.name, settings);
    facts.driver = device.driver;
    facts.clock_mhz = device.clock_mhz;
    facts.mode = gpu_mode(settings);
    facts.precision = gpu_arithmetic(settings);
    facts.may_use_cpu = settings.gpu.allow_cpu_operators;

    const MNN::BackendConfig back_end = back_end_of(settings);
    KernelKey key;
    key.model_sha256 = model.sha256;
    key.gpu = settings.compute;
    key.device = device;
    key.mnn = MNN::getVersion();
    key.mode = facts.mode;
    key.precision = back_end.precision;
    key.memory = back_end.memory;
    key.cpu_operators = settings.gpu.allow_cpu_operators;
    key.shape = inputs[0].shape;
    KernelLoan kernels(settings.gpu.kernels, key);
    for (;;) {
        {
            MnnSession made;  // goes before its kernels do: MNN writes them once more
            if (make(model, inputs, settings, kernels, made, facts, error)) {
                mnn = std::move(made);
                return true;
            }
        }
        if (!kernels.is_filled()) return false;
        kernels.condemn();
    }
}

}  // namespace deepmark
