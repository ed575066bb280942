// A libMNN.so that computes nothing: MNN's release for Android is in no package registry.
#include "mnn_api.hpp"

// Android's log, into which MNN's release prints; no library here has it.
extern "C" int __android_log_print(int priority, const char* tag, const char* format, ...);

namespace MNN {

const char* getVersion() { return "3.6.9"; }

Tensor* Tensor::create(const std::vector<int>&, halide_type_t, void*, DimensionType) {
    return nullptr;
}
void Tensor::destroy(Tensor*) {}
bool Tensor::copyFromHostTensor(const Tensor*) { return false; }
bool Tensor::copyToHostTensor(Tensor*) const { return false; }
std::vector<int> Tensor::shape() const { return {}; }

const std::string& OperatorInfo::name() const { return type(); }
const std::string& OperatorInfo::type() const {
    static const std::string none;
    return none;
}

Interpreter* Interpreter::createFromFile(const char* file) {
    __android_log_print(6, "MNNJNI", "cannot read %s", file);
    return nullptr;
}
void Interpreter::destroy(Interpreter*) {}
void Interpreter::setSessionMode(SessionMode) {}
void Interpreter::setSessionHint(HintMode, int) {}
void Interpreter::setCacheFile(const char*, std::size_t) {}
Session* Interpreter::createSession(const ScheduleConfig&) { return nullptr; }
void Interpreter::releaseModel() {}
void Interpreter::resizeTensor(Tensor*, const std::vector<int>&) {}
void Interpreter::resizeSession(Session*) {}
ErrorCode Interpreter::updateCacheFile(Session*, int) { return NO_ERROR; }
ErrorCode Interpreter::runSession(Session*) const { return NO_ERROR; }
ErrorCode Interpreter::runSessionWithCallBackInfo(const Session*, const TensorCallBackWithInfo&,
                                                  const TensorCallBackWithInfo&, bool) const {
    return NO_ERROR;
}
bool Interpreter::getSessionInfo(const Session*, SessionInfoCode, void*) { return false; }
const std::map<std::string, Tensor*>& Interpreter::getSessionInputAll(const Session*) const {
    static const std::map<std::string, Tensor*> none;
    return none;
}
const std::map<std::string, Tensor*>& Interpreter::getSessionOutputAll(const Session*) const {
    static const std::map<std::string, Tensor*> none;
    return none;
}

}  // namespace MNN
