/* Stands before the real libOpenCL.so.1 and makes PoCL's CPU device look like a phone's GPU, or a broken one.
 *
 * MNN asks for GPU devices only and takes its code paths by name and vendor; everything that is not overridden here is
 * the real library's, which this one needs: MNN looks its functions up in this library and in what that depends on.
 *
 * SHIM_DEVICE       mali (default), adreno: the device's name and vendor; cpu: PoCL as it is; none: no device at all
 * SHIM_IMAGE_LIMIT  largest width and height of an image that it admits
 * SHIM_FAIL_LAUNCH  number of the launch from which on launching fails (CL_OUT_OF_RESOURCES)
 * SHIM_FAIL_READ    number of the read from which on reading back fails, buffers and images
 * SHIM_FAIL_COUNT   how many of them fail, with either; left out: all
 * SHIM_DIE_AT       number of the launch that ends the process, as a driver that is gone does
 * SHIM_HANG_AT      number of the launch that never returns
 * SHIM_HOLD         1: what is launched does not begin until something waits for it
 * SHIM_LOG          file that gets the numbers of launches and reads when the process ends
 *
 * shim_launches, shim_reads, shim_writes and shim_held tell a test in the same process.
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))real(#name))

static long launches, reads, writes;
static cl_event hold; /* what launches wait for, with SHIM_HOLD */

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "the real OpenCL has no %s\n", name);
        abort();
    }
    return found;
}

static int is(const char *device)
{
    const char *asked = getenv("SHIM_DEVICE");
    return strcmp(asked == NULL ? "mali" : asked, device) == 0;
}

static long number(const char *variable)
{
    const char *text = getenv(variable);
    return text == NULL || *text == '\0' ? -1 : atol(text);
}

static int reached(const char *variable, long count)
{
    long from = number(variable);
    long most = number("SHIM_FAIL_COUNT");
    return from >= 0 && count >= from && (most < 0 || count < from + most);
}

EXPORT long shim_launches(void) { return launches; }
EXPORT long shim_reads(void) { return reads; }
EXPORT long shim_writes(void) { return writes; }

/* Whether something was launched that did not begin, as nothing has waited for it. */
EXPORT int shim_held(void) { return hold != NULL; }

static void release_held(void)
{
    if (hold == NULL)
        return;
    REAL(clSetUserEventStatus)(hold, CL_COMPLETE);
    REAL(clReleaseEvent)(hold);
    hold = NULL;
}

EXPORT cl_int clFinish(cl_command_queue queue)
{
    release_held();
    return REAL(clFinish)(queue);
}

EXPORT cl_int clWaitForEvents(cl_uint count, const cl_event *events)
{
    release_held();
    return REAL(clWaitForEvents)(count, events);
}

__attribute__((destructor)) static void write_log(void)
{
    const char *path = getenv("SHIM_LOG");
    FILE *file = path == NULL ? NULL : fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%ld launches %ld reads\n", launches, reads);
        fclose(file);
    }
}

EXPORT cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id *devices,
                             cl_uint *count)
{
    if (is("none"))
        return CL_DEVICE_NOT_FOUND;
    if (!is("cpu") && (type & CL_DEVICE_TYPE_GPU))
        type = CL_DEVICE_TYPE_ALL;
    return REAL(clGetDeviceIDs)(platform, type, entries, devices, count);
}

static cl_int answer(const void *value, size_t length, size_t size, void *target, size_t *size_ret)
{
    if (target != NULL && size < length)
        return CL_INVALID_VALUE;
    if (target != NULL)
        memcpy(target, value, length);
    if (size_ret != NULL)
        *size_ret = length;
    return CL_SUCCESS;
}

EXPORT cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *target, size_t *size_ret)
{
    const char *text = NULL;
    if (!is("cpu")) {
        cl_device_type gpu = CL_DEVICE_TYPE_GPU;
        switch (what) {
        case CL_DEVICE_TYPE:
            return answer(&gpu, sizeof gpu, size, target, size_ret);
        case CL_DEVICE_NAME:
            text = is("adreno") ? "QUALCOMM Adreno(TM)" : "Mali-G76";
            break;
        case CL_DEVICE_VENDOR:
            text = is("adreno") ? "QUALCOMM" : "ARM";
            break;
        case CL_DEVICE_VERSION: /* of an Adreno the last three letters are its model */
            text = is("adreno") ? "OpenCL 2.0 Adreno(TM) 640" : "OpenCL 2.0 v1.r18p0";
            break;
        default:
            break;
        }
        if (text != NULL)
            return answer(text, strlen(text) + 1, size, target, size_ret);
    }
    if ((what == CL_DEVICE_IMAGE2D_MAX_WIDTH || what == CL_DEVICE_IMAGE2D_MAX_HEIGHT) && number("SHIM_IMAGE_LIMIT") > 0) {
        size_t limit = (size_t)number("SHIM_IMAGE_LIMIT");
        return answer(&limit, sizeof limit, size, target, size_ret);
    }
    return REAL(clGetDeviceInfo)(device, what, size, target, size_ret);
}

/* MNN asks of an Adreno what only its own driver knows: contexts with priorities. */
EXPORT cl_context clCreateContext(const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
                                  void (*notify)(const char *, const void *, size_t, void *), void *user, cl_int *error)
{
    return REAL(clCreateContext)(is("adreno") ? NULL : properties, count, devices, notify, user, error);
}

EXPORT cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                     const size_t *global, const size_t *local, cl_uint waits, const cl_event *wait,
                                     cl_event *event)
{
    launches++;
    if (number("SHIM_DIE_AT") == launches)
        abort();
    if (number("SHIM_HANG_AT") == launches)
        for (;;)
            pause();
    if (reached("SHIM_FAIL_LAUNCH", launches))
        return CL_OUT_OF_RESOURCES;
    if (number("SHIM_HOLD") == 1 && hold == NULL && waits == 0) { /* MNN's queue is in order: one holds all behind it */
        cl_context context;
        cl_int error;
        REAL(clGetCommandQueueInfo)(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
        hold = REAL(clCreateUserEvent)(context, &error);
        if (hold != NULL)
            return REAL(clEnqueueNDRangeKernel)(queue, kernel, dimensions, offset, global, local, 1, &hold, event);
    }
    return REAL(clEnqueueNDRangeKernel)(queue, kernel, dimensions, offset, global, local, waits, wait, event);
}

EXPORT cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                                  void *target, cl_uint waits, const cl_event *wait, cl_event *event)
{
    reads++;
    if (reached("SHIM_FAIL_READ", reads))
        return CL_OUT_OF_RESOURCES;
    release_held();
    return REAL(clEnqueueReadBuffer)(queue, buffer, blocking, offset, size, target, waits, wait, event);
}

EXPORT void *clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
                                size_t offset, size_t size, cl_uint waits, const cl_event *wait, cl_event *event,
                                cl_int *error)
{
    if (flags & CL_MAP_WRITE)
        writes++;
    if (blocking)
        release_held();
    if (flags & CL_MAP_READ) {
        reads++;
        if (reached("SHIM_FAIL_READ", reads)) {
            if (error != NULL)
                *error = CL_OUT_OF_RESOURCES;
            return NULL;
        }
    }
    return REAL(clEnqueueMapBuffer)(queue, buffer, blocking, flags, offset, size, waits, wait, event, error);
}

EXPORT cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                                   const void *source, cl_uint waits, const cl_event *wait, cl_event *event)
{
    writes++;
    if (blocking)
        release_held();
    return REAL(clEnqueueWriteBuffer)(queue, buffer, blocking, offset, size, source, waits, wait, event);
}
