#include "gpu_library.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "mnn_api.hpp"

namespace deepmark {
namespace {

// Let the back end find the engine's symbols, which a JVM or Python keeps to itself.
void share_engine() {
    Dl_info engine;
    if (dladdr(reinterpret_cast<const void*>(&MNN::getVersion), &engine) && engine.dli_fname)
        dlopen(engine.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

}  // namespace

bool load_gpu_library(Compute gpu, std::string& error) {
    const std::string name = gpu == Compute::opencl ? "libMNN_CL.so" : "libMNN_Vulkan.so",
                      back_end = std::string("MNN's ") + gpu_name(gpu) + " back end";
    const char* folder = std::getenv("MNN_GPU_LIBRARIES");
    const std::string path = folder && *folder ? std::string(folder) + "/" + name : name;
    share_engine();
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        const char* reason = dlerror();
        error = back_end + " is missing: " + (reason ? reason : path);
        return false;
    }
#if defined(DEEPMARK_NDK)
    return true;  // MNN's release does not say; the build took it from the folder of its libMNN.so
#else
    // Engine and back end share classes; tools/gpu_toolchain.sh writes the version into what it
    // builds.
    const auto* version = static_cast<const char*>(dlsym(library, "deepmark_mnn_version"));
    if (version && std::string(version) == MNN::getVersion()) return true;
    error = back_end + " (" + path + ") belongs to MNN " +
            (version ? version : "an unknown version") + ", the engine is " + MNN::getVersion();
    return false;
#endif
}

}  // namespace deepmark
