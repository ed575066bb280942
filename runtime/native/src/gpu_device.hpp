// Which GPU MNN will take, asked of OpenCL's and Vulkan's own libraries, as
// runtime/engines/gpu_devices.py: MNN tells neither its name nor what it lacks.
#pragma once

#include "gpu_settings.hpp"

namespace deepmark {

struct GpuDevice {
    std::string name, driver;
    bool fp16 = false;    // can be stored and computed; in Vulkan's images it always can
    int image_limit = 0;  // largest width and height of an image, pixels
    int clock_mhz = 0;    // highest; 0 where it is not told
};

// False where there is no driver or no device; `error` says which.
bool find_device(Compute gpu, GpuDevice& found, std::string& error);

}  // namespace deepmark
