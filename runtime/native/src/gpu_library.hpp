// MNN's GPU back ends: libraries beside the engine's that nothing loads by itself, on Android
// either. Loaded before a session is made, one turns the engine into one that computes on a GPU.
#pragma once

#include "gpu_settings.hpp"

namespace deepmark {

// Load libMNN_CL.so or libMNN_Vulkan.so, from the folder that MNN_GPU_LIBRARIES names, or else from
// where this process finds its libraries. It stays for good: MNN keeps pointers into it. False
// where it is missing, or of another version of MNN; `error` says so.
bool load_gpu_library(Compute gpu, std::string& error);

}  // namespace deepmark
