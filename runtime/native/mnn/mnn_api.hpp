// The part of MNN's C++ interface that the engine uses, declared for the library inside MNN's PyPI
// wheel.
//
// The wheel carries no headers. Names, argument types and struct layouts are those of MNN 3.6.1: a
// test compiles them together with its own headers, where those are (tools/gpu_toolchain.sh), and
// the linker refuses a name or an argument type that the library does not export. It was built with
// the old string ABI, which CMakeLists.txt sets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

enum MNNForwardType {
    MNN_FORWARD_CPU = 0,
    MNN_FORWARD_OPENCL = 3,
    MNN_FORWARD_VULKAN = 7,
    MNN_FORWARD_CPU_EXTENSION = 13
};

// Passed by value: its layout is part of the interface. With another one MNN sees another type,
// prints a line, copies nothing and still returns true.
struct halide_type_t {
    int code;  // 0 int, 1 uint, 2 float
    unsigned char bits;
    alignas(2) unsigned short lanes;
};
static_assert(sizeof(halide_type_t) == 8, "MNN passes halide_type_t in eight bytes");

namespace MNN {

class Session;
class Tensor;

const char* getVersion();

enum ErrorCode { NO_ERROR = 0 };

struct BackendConfig {
    enum MemoryMode { Memory_Normal = 0, Memory_High, Memory_Low };
    enum PowerMode { Power_Normal = 0, Power_High, Power_Low };
    enum PrecisionMode { Precision_Normal = 0, Precision_High, Precision_Low };
    MemoryMode memory = Memory_Normal;
    PowerMode power = Power_Normal;
    PrecisionMode precision = Precision_Normal;
    void* sharedContext = nullptr;
};

struct ScheduleConfig {
    std::vector<std::string> saveTensors;
    MNNForwardType type = MNN_FORWARD_CPU;
    int numThread = 4;
    struct Path {
        std::vector<std::string> inputs;
        std::vector<std::string> outputs;
        enum Mode { Op = 0 };
        Mode mode = Op;
    };
    Path path;
    MNNForwardType backupType = MNN_FORWARD_CPU;
    BackendConfig* backendConfig = nullptr;
};

// What a tensor begins with (halide_buffer_t), as far as it is read here.
struct TensorMemory {
    std::uint64_t device;
    const void* device_interface;
    std::uint8_t* host;  // null: its values lie in a GPU's memory
};

class Tensor {
public:
    enum DimensionType { TENSORFLOW, CAFFE, CAFFE_C4 };
    static Tensor* create(const std::vector<int>& shape, halide_type_t type, void* data,
                          DimensionType layout);
    static void destroy(Tensor* tensor);
    bool copyFromHostTensor(const Tensor* host);
    bool copyToHostTensor(Tensor* host) const;
    std::vector<int> shape() const;
    bool is_in_host_memory() const { return memory_.host != nullptr; }

    Tensor() = delete;

private:
    TensorMemory memory_;
};

class OperatorInfo {
public:
    const std::string& name() const;
    const std::string& type() const;

    OperatorInfo() = delete;
};

using TensorCallBackWithInfo =
    std::function<bool(const std::vector<Tensor*>&, const OperatorInfo*)>;

class Interpreter {
public:
    enum SessionMode { Session_Debug = 0, Session_Release = 1 };
    enum HintMode { WINOGRAD_MEMORY_LEVEL = 3 };
    enum SessionInfoCode { MEMORY = 0, FLOPS = 1, BACKENDS = 2, THREAD_NUMBER = 4 };

    static Interpreter* createFromFile(const char* file);
    static void destroy(Interpreter* net);
    void setSessionMode(SessionMode mode);
    void setSessionHint(HintMode mode, int value);
    void setCacheFile(const char* file, std::size_t key_size = 128);
    Session* createSession(const ScheduleConfig& config);
    void releaseModel();
    void resizeTensor(Tensor* tensor, const std::vector<int>& shape);
    void resizeSession(Session* session);
    ErrorCode updateCacheFile(Session* session, int flag = 0);
    ErrorCode runSession(Session* session) const;
    ErrorCode runSessionWithCallBackInfo(const Session* session,
                                         const TensorCallBackWithInfo& before,
                                         const TensorCallBackWithInfo& after,
                                         bool sync = false) const;
    bool getSessionInfo(const Session* session, SessionInfoCode code, void* value);
    const std::map<std::string, Tensor*>& getSessionInputAll(const Session* session) const;
    const std::map<std::string, Tensor*>& getSessionOutputAll(const Session* session) const;

    Interpreter() = delete;
};

}  // namespace MNN
