#include "gpu_settings.hpp"

namespace deepmark {

const std::vector<std::string> computes = {"cpu", "opencl", "vulkan"},
                               gpu_precisions = {"high", "normal", "low"},
                               storages = {"image", "buffer"},
                               tunings = {"wide", "none", "fast", "normal", "heavy"};

const char* gpu_name(Compute gpu) { return gpu == Compute::opencl ? "OpenCL" : "Vulkan"; }

bool check_gpu(const EngineSettings& settings, std::string& error) {
    const Tuning tuning = settings.gpu.tuning;
    if (settings.compute != Compute::vulkan ||
        (tuning != Tuning::fast && tuning != Tuning::normal))  // MNN would take its default
        return true;
    error = "tuning must be one of none, heavy, wide on Vulkan, found '" +
            tunings[std::size_t(tuning)] + "'";
    return false;
}

int gpu_mode(const EngineSettings& settings) {
    static constexpr int of_tuning[] = {4, 1, 16, 8, 2};
    const int tuning = of_tuning[int(settings.gpu.tuning)];
    if (settings.compute == Compute::vulkan) return tuning;
    return tuning | (settings.gpu.storage == Storage::image ? 128 : 64);
}

const char* gpu_arithmetic(const EngineSettings& settings) {
    if (settings.gpu.precision == GpuPrecision::high) return "fp32";
    return settings.gpu.precision == GpuPrecision::low && settings.compute == Compute::opencl
               ? "fp16"
               : "fp16, sums in fp32";
}

std::string place_name(const std::string& device, const EngineSettings& settings) {
    const bool buffers =
        settings.compute == Compute::opencl && settings.gpu.storage == Storage::buffer;
    return device + " (" + gpu_name(settings.compute) + (buffers ? ", BUFFER)" : ", IMAGE)");
}

const char* load_hint(const EngineSettings& settings) {
    return is_gpu(settings.compute)
               ? "docs/phone-gpu.md says what a GPU needs; otherwise compute on the CPU"
               : "copy the bundle again, or export it again";
}

}  // namespace deepmark
