/* Stands before the real libvulkan.so.1, which it needs, and counts: MNN maps its one buffer in the host's memory for
 * each copy, in or out, and for nothing else in a run. shim_maps tells a test in the same process.
 *
 * SHIM_LOG  file that gets the number when the process ends
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))

static long maps;

EXPORT long shim_maps(void) { return maps; }

EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkMapMemory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                                  VkDeviceSize size, VkMemoryMapFlags flags, void **data)
{
    PFN_vkMapMemory real = (PFN_vkMapMemory)dlsym(RTLD_NEXT, "vkMapMemory");
    if (real == NULL) {
        fprintf(stderr, "the real Vulkan has no vkMapMemory\n");
        abort();
    }
    maps++;
    return real(device, memory, offset, size, flags, data);
}

__attribute__((destructor)) static void write_log(void)
{
    const char *path = getenv("SHIM_LOG");
    FILE *file = path == NULL || maps == 0 ? NULL : fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%ld maps\n", maps);
        fclose(file);
    }
}
