#include "gpu_device.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace deepmark {
namespace {

// In the order in which MNN looks (OpenCLWrapper.cpp, vulkan_wrapper.cpp).
#if defined(__ANDROID__)
const std::vector<const char*> opencl_libraries = {"libOpenCL.so",
                                                   "libGLES_mali.so",
                                                   "libmali.so",
                                                   "libOpenCL-pixel.so",
                                                   "/system/vendor/lib64/libOpenCL.so",
                                                   "/system/lib64/libOpenCL.so",
                                                   "/system/vendor/lib64/egl/libGLES_mali.so",
                                                   "/system/lib64/egl/libGLES_mali.so"};
#else
const std::vector<const char*> opencl_libraries = {
    "/usr/lib/libOpenCL.so",   "/usr/local/lib/libOpenCL.so", "/usr/local/lib/libpocl.so",
    "/usr/lib64/libOpenCL.so", "/usr/lib32/libOpenCL.so",     "libOpenCL.so"};
#endif
const std::vector<const char*> vulkan_libraries = {"libvulkan.so"};

constexpr std::size_t longest = 1 << 16;  // of a device's answers, in bytes

// Never closed: MNN has it open, too.
void* open_first(const std::vector<const char*>& paths) {
    for (const char* path : paths)
        if (void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL)) return library;
    return nullptr;
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
}

struct OpenCl {
    std::int32_t (*platforms)(std::uint32_t, void**, std::uint32_t*) = nullptr;
    std::int32_t (*devices)(void*, std::uint64_t, std::uint32_t, void**, std::uint32_t*) = nullptr;
    std::int32_t (*info)(void*, std::uint32_t, std::size_t, void*, std::size_t*) = nullptr;
    void* device = nullptr;

    std::string text(std::uint32_t question) const {
        std::vector<char> answer(longest);
        std::size_t size = 0;
        if (info(device, question, longest, answer.data(), &size)) return "";
        std::string text(answer.data(), strnlen(answer.data(), std::min(size, longest)));
        while (!text.empty() && text.back() == ' ') text.pop_back();
        return text;
    }
    std::size_t number(std::uint32_t question, std::size_t bytes) const {
        std::size_t value = 0, size = 0;
        return info(device, question, bytes, &value, &size) ? 0 : value;  // both are little endian
    }
};

bool has_word(const std::string& text, const std::string& word) {
    return (" " + text + " ").find(" " + word + " ") != std::string::npos;
}

bool find_opencl(GpuDevice& found, std::string& error) {
    constexpr std::uint64_t gpus = 4, all = 0xFFFFFFFF;
    constexpr std::uint32_t image_width = 0x1011, image_height = 0x1012, clock = 0x100C,
                            name = 0x102B, driver = 0x102D, extensions = 0x1030;
    OpenCl opencl;
    void* library = open_first(opencl_libraries);
    if (!library || !find(library, "clGetPlatformIDs", opencl.platforms) ||
        !find(library, "clGetDeviceIDs", opencl.devices) ||
        !find(library, "clGetDeviceInfo", opencl.info)) {
        error = "OpenCL is not installed: there is no libOpenCL.so that programs may load";
        return false;
    }
    void* platform = nullptr;
    std::uint32_t count = 0;
    if (opencl.platforms(1, &platform, &count) || !count) {
        error = "OpenCL has no driver here";
        return false;
    }
    if (opencl.devices(platform, gpus, 1, &opencl.device, &count) || !count) {
        error = "OpenCL has no GPU here";
        if (!opencl.devices(platform, all, 1, &opencl.device, &count) && count)
            error += ", only " + opencl.text(name) + ", which is none";
        return false;
    }
    found.name = opencl.text(name);
    found.driver = opencl.text(driver);
    found.fp16 = has_word(opencl.text(extensions), "cl_khr_fp16");
    found.image_limit = int(std::min(opencl.number(image_width, sizeof(std::size_t)),
                                     opencl.number(image_height, sizeof(std::size_t))));
    found.clock_mhz = int(opencl.number(clock, sizeof(std::uint32_t)));
    return true;
}

// VkInstanceCreateInfo without layers and extensions.
struct InstanceInfo {
    std::uint32_t kind = 1;
    const void* next = nullptr;
    std::uint32_t flags = 0;
    const void* application = nullptr;
    std::uint32_t layer_count = 0;
    const void* layers = nullptr;
    std::uint32_t extension_count = 0;
    const void* extensions = nullptr;
};

bool find_vulkan(GpuDevice& found, std::string& error) {
    std::int32_t (*create)(const InstanceInfo*, const void*, void**) = nullptr;
    std::int32_t (*devices)(void*, std::uint32_t*, void**) = nullptr;
    void (*properties)(void*, void*) = nullptr;
    void (*destroy)(void*, const void*) = nullptr;
    void* library = open_first(vulkan_libraries);
    if (!library || !find(library, "vkCreateInstance", create) ||
        !find(library, "vkEnumeratePhysicalDevices", devices) ||
        !find(library, "vkGetPhysicalDeviceProperties", properties) ||
        !find(library, "vkDestroyInstance", destroy)) {
        error = "Vulkan is not installed: there is no libvulkan.so that programs may load";
        return false;
    }
    const InstanceInfo info;
    void *instance = nullptr, *device = nullptr;
    if (create(&info, nullptr, &instance)) {
        error = "Vulkan has no driver here";
        return false;
    }
    std::uint32_t count = 1;
    devices(instance, &count, &device);
    if (count && device) {
        // VkPhysicalDeviceProperties: apiVersion, driverVersion, vendor, device, kind, name[256],
        // uuid[16], then the limits, of which maxImageDimension2D is the second.
        std::vector<char> answer(longest);
        properties(device, answer.data());
        std::uint32_t driver = 0, limit = 0;
        std::memcpy(&driver, &answer[4], sizeof driver);
        std::memcpy(&limit, &answer[300], sizeof limit);
        found.name = std::string(&answer[20], strnlen(&answer[20], 256));
        found.driver = std::to_string(driver >> 22) + "." + std::to_string(driver >> 12 & 1023) +
                       "." + std::to_string(driver & 4095);
        found.fp16 = true;
        found.image_limit = int(limit);
    } else {
        error = "Vulkan has no device here";
    }
    destroy(instance, nullptr);
    return error.empty();
}

}  // namespace

bool find_device(Compute gpu, GpuDevice& found, std::string& error) {
    error.clear();
    return gpu == Compute::opencl ? find_opencl(found, error) : find_vulkan(found, error);
}

}  // namespace deepmark
