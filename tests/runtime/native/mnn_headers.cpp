// Our declarations of MNN's interface beside MNN's own headers: compiled and never run, it fails on
// any difference that a compiler can see. MNN's are global, ours lie in a namespace.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define private public  // where a tensor's memory lies in it
#include <MNN/Tensor.hpp>
#undef private
#include <MNN/Interpreter.hpp>

namespace ours {
#include "mnn_api.hpp"
}

namespace {

// A type of ours -> the type that MNN has in its place.
template <class T>
struct As {
    using type = T;
};
template <class T>
using as = typename As<T>::type;

#define IS(name)             \
    template <>              \
    struct As<ours::name> {  \
        using type = ::name; \
    }
IS(halide_type_t);
IS(MNNForwardType);
IS(MNN::Session);
IS(MNN::Tensor);
IS(MNN::Tensor::DimensionType);
IS(MNN::OperatorInfo);
IS(MNN::ErrorCode);
IS(MNN::BackendConfig);
IS(MNN::ScheduleConfig);
IS(MNN::Interpreter);
IS(MNN::Interpreter::SessionMode);
IS(MNN::Interpreter::HintMode);
IS(MNN::Interpreter::SessionInfoCode);
#undef IS

template <class T>
struct As<T*> {
    using type = as<T>*;
};
template <class T>
struct As<T&> {
    using type = as<T>&;
};
template <class T>
struct As<const T> {
    using type = const as<T>;
};
template <class T>
struct As<std::vector<T>> {
    using type = std::vector<as<T>>;
};
template <class Key, class T>
struct As<std::map<Key, T>> {
    using type = std::map<Key, as<T>>;
};
template <class R, class... Of>
struct As<R(Of...)> {
    using type = as<R>(as<Of>...);
};
template <class R, class... Of>
struct As<std::function<R(Of...)>> {
    using type = std::function<as<R>(as<Of>...)>;
};
template <class Class, class R, class... Of>
struct As<R (Class::*)(Of...)> {
    using type = as<R> (as<Class>::*)(as<Of>...);
};
template <class Class, class R, class... Of>
struct As<R (Class::*)(Of...) const> {
    using type = as<R> (as<Class>::*)(as<Of>...) const;
};

// MNN has this very function: same arguments, result, const.
#define JOIN(a, b) a##b
#define NAMED(a, b) JOIN(a, b)
#define FUNCTION(name) \
    [[maybe_unused]] const as<decltype(&ours::name)> NAMED(function_, __LINE__) = &::name
#define VALUE(name) static_assert(int(ours::name) == int(::name), #name)
#define PLACE(type, field)                                                                    \
    static_assert(                                                                            \
        offsetof(ours::type, field) == offsetof(::type, field) &&                             \
            sizeof(std::declval<ours::type>().field) == sizeof(std::declval<::type>().field), \
        #type "::" #field)
#define SIZE(type)                                              \
    static_assert(sizeof(ours::type) == sizeof(::type) &&       \
                      alignof(ours::type) == alignof(::type) && \
                      !std::is_polymorphic<::type>::value,      \
                  #type)

SIZE(halide_type_t);
PLACE(halide_type_t, code);
PLACE(halide_type_t, bits);
PLACE(halide_type_t, lanes);

VALUE(MNN_FORWARD_CPU);
VALUE(MNN_FORWARD_OPENCL);
VALUE(MNN_FORWARD_VULKAN);
VALUE(MNN_FORWARD_CPU_EXTENSION);
static_assert(sizeof(ours::MNNForwardType) == sizeof(::MNNForwardType));

FUNCTION(MNN::getVersion);
VALUE(MNN::NO_ERROR);
static_assert(sizeof(ours::MNN::ErrorCode) == sizeof(::MNN::ErrorCode));

SIZE(MNN::BackendConfig);
PLACE(MNN::BackendConfig, memory);
PLACE(MNN::BackendConfig, power);
PLACE(MNN::BackendConfig, precision);
PLACE(MNN::BackendConfig, sharedContext);
VALUE(MNN::BackendConfig::Memory_Normal);
VALUE(MNN::BackendConfig::Memory_High);
VALUE(MNN::BackendConfig::Memory_Low);
VALUE(MNN::BackendConfig::Power_Normal);
VALUE(MNN::BackendConfig::Power_High);
VALUE(MNN::BackendConfig::Power_Low);
VALUE(MNN::BackendConfig::Precision_Normal);
VALUE(MNN::BackendConfig::Precision_High);
VALUE(MNN::BackendConfig::Precision_Low);

SIZE(MNN::ScheduleConfig);
PLACE(MNN::ScheduleConfig, saveTensors);
PLACE(MNN::ScheduleConfig, type);
PLACE(MNN::ScheduleConfig, numThread);
PLACE(MNN::ScheduleConfig, path);
PLACE(MNN::ScheduleConfig, backupType);
PLACE(MNN::ScheduleConfig, backendConfig);
SIZE(MNN::ScheduleConfig::Path);
PLACE(MNN::ScheduleConfig::Path, inputs);
PLACE(MNN::ScheduleConfig::Path, outputs);
PLACE(MNN::ScheduleConfig::Path, mode);
VALUE(MNN::ScheduleConfig::Path::Op);

VALUE(MNN::Tensor::TENSORFLOW);
VALUE(MNN::Tensor::CAFFE);
VALUE(MNN::Tensor::CAFFE_C4);
FUNCTION(MNN::Tensor::destroy);
FUNCTION(MNN::Tensor::copyFromHostTensor);
FUNCTION(MNN::Tensor::copyToHostTensor);
FUNCTION(MNN::Tensor::shape);
FUNCTION(MNN::Tensor::create);
static_assert(offsetof(::MNN::Tensor, mBuffer) == 0 && !std::is_polymorphic<::MNN::Tensor>::value);
static_assert(offsetof(ours::MNN::TensorMemory, device) == offsetof(::halide_buffer_t, device));
static_assert(offsetof(ours::MNN::TensorMemory, device_interface) ==
              offsetof(::halide_buffer_t, device_interface));
static_assert(offsetof(ours::MNN::TensorMemory, host) == offsetof(::halide_buffer_t, host));

FUNCTION(MNN::OperatorInfo::name);
FUNCTION(MNN::OperatorInfo::type);
static_assert(!std::is_polymorphic<::MNN::OperatorInfo>::value);
static_assert(
    std::is_same<as<ours::MNN::TensorCallBackWithInfo>, ::MNN::TensorCallBackWithInfo>::value);

VALUE(MNN::Interpreter::Session_Debug);
VALUE(MNN::Interpreter::Session_Release);
VALUE(MNN::Interpreter::WINOGRAD_MEMORY_LEVEL);
VALUE(MNN::Interpreter::MEMORY);
VALUE(MNN::Interpreter::FLOPS);
VALUE(MNN::Interpreter::BACKENDS);
VALUE(MNN::Interpreter::THREAD_NUMBER);
FUNCTION(MNN::Interpreter::createFromFile);
FUNCTION(MNN::Interpreter::destroy);
FUNCTION(MNN::Interpreter::setSessionMode);
FUNCTION(MNN::Interpreter::setSessionHint);
FUNCTION(MNN::Interpreter::setCacheFile);
FUNCTION(MNN::Interpreter::createSession);
FUNCTION(MNN::Interpreter::releaseModel);
FUNCTION(MNN::Interpreter::resizeTensor);
FUNCTION(MNN::Interpreter::resizeSession);
FUNCTION(MNN::Interpreter::updateCacheFile);
FUNCTION(MNN::Interpreter::runSession);
FUNCTION(MNN::Interpreter::runSessionWithCallBackInfo);
FUNCTION(MNN::Interpreter::getSessionInfo);
FUNCTION(MNN::Interpreter::getSessionInputAll);
FUNCTION(MNN::Interpreter::getSessionOutputAll);
static_assert(!std::is_polymorphic<::MNN::Interpreter>::value);

}  // namespace
