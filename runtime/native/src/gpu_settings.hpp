// How MNN computes on a GPU, as runtime/engines/gpu_settings.py: the names of the choices, and the
// numbers that MNN takes for them.
#pragma once

#include <string>
#include <vector>

#include "deepmark/deepmark.hpp"

namespace deepmark {

// Words of the choices, in the order of their enums.
extern const std::vector<std::string> computes, gpu_precisions, storages, tunings;

inline bool is_gpu(Compute compute) { return compute != Compute::cpu; }

const char* gpu_name(Compute gpu);  // as users know it: OpenCL, Vulkan

// False where the GPU has no such setting; `error` says which it has.
bool check_gpu(const EngineSettings& settings, std::string& error);

// What MNN takes in the place of a number of threads.
int gpu_mode(const EngineSettings& settings);

// The number format that is computed in: fp32, "fp16, sums in fp32" or fp16.
const char* gpu_arithmetic(const EngineSettings& settings);

// Where a session computes, for example "Mali-G76 (OpenCL, IMAGE)".
std::string place_name(const std::string& device, const EngineSettings& settings);

// What may help where a model does not load.
const char* load_hint(const EngineSettings& settings);

}  // namespace deepmark
