// The bodies of deepmark.demo.engine.Bridge: Java's values to the runtime's, and back. Nothing is
// decided here.
//
// Inside, a failure is a C++ exception; `guarded` makes a Java one of it. A Java exception that is
// pending stays so.
#include <jni.h>

#include <stdexcept>

#include "benchmark.hpp"
#include "camera_frame.hpp"
#include "live_detector.hpp"
#include "techniques.hpp"
#include "verification.hpp"

using namespace deepmark;

namespace {

DetectorTable& table() {
    static auto* const lasting = new DetectorTable;  // threads may outlive main's end
    return *lasting;
}

jbyteArray bytes_of(JNIEnv* env, const std::string& text) {
    const auto size = jsize(text.size());
    jbyteArray bytes = env->NewByteArray(size);
    if (bytes) env->SetByteArrayRegion(bytes, 0, size, reinterpret_cast<const jbyte*>(text.data()));
    return bytes;
}

void fail(JNIEnv* env, jclass bridge, const char* sentence) {
    if (env->ExceptionCheck()) return;
    jmethodID thrower = env->GetStaticMethodID(bridge, "fail", "([B)V");
    jbyteArray bytes = thrower ? bytes_of(env, sentence) : nullptr;
    if (bytes) env->CallStaticVoidMethod(bridge, thrower, bytes);
}

template <class Body>
auto guarded(JNIEnv* env, jclass bridge, Body body) -> decltype(body()) {
    try {
        return body();
    } catch (const std::exception& caught) {
        fail(env, bridge, caught.what());
        return {};
    }
}

void require(bool holds, const std::string& otherwise) {
    if (!holds) throw std::runtime_error(otherwise);
}

std::string path_of(JNIEnv* env, jbyteArray bytes) {
    std::string path(std::size_t(env->GetArrayLength(bytes)), '\0');
    env->GetByteArrayRegion(bytes, 0, jsize(path.size()), reinterpret_cast<jbyte*>(path.data()));
    require(path.find('\0') == std::string::npos, "a path holds a zero byte");
    return path;
}

// As EngineSettings.java writes them: threads, precision, memory, compute, storage; and a folder.
EngineSettings settings_of(JNIEnv* env, jintArray engine, jbyteArray kernels) {
    jint number[5];
    env->GetIntArrayRegion(engine, 0, 5, number);
    EngineSettings settings;
    settings.threads = number[0];
    settings.precision = number[1] ? Precision::fp16 : Precision::fp32;
    settings.gpu.precision = GpuPrecision(number[1]);
    settings.memory = number[2] ? Memory::low : Memory::normal;
    settings.compute = Compute(number[3]);
    settings.gpu.storage = Storage(number[4]);
    settings.gpu.kernels = path_of(env, kernels);
    return settings;
}

Plane plane_of(JNIEnv* env, jobject buffer, const jint* strides) {
    const jlong size = env->GetDirectBufferCapacity(buffer);
    return {static_cast<const std::uint8_t*>(env->GetDirectBufferAddress(buffer)),
            size > 0 ? std::size_t(size) : 0, strides[0], strides[1]};
}

std::shared_ptr<LiveDetector> detector_of(jlong handle) {
    auto detector = table().get(handle);
    require(bool(detector), "this detector is closed");
    return detector;
}

// Found.java reads it.
jfloatArray packed(JNIEnv* env, int width, int height, const Detections& found) {
    std::vector<float> numbers = {float(width), float(height)};
    for (const Object& one : found.objects) {
        numbers.insert(numbers.end(),
                       {float(one.class_id), one.score, one.box_score, one.keypoints_score,
                        one.box[0], one.box[1], one.box[2], one.box[3], float(one.count)});
        for (int i = one.first; i < one.first + one.count; ++i) {
            const Landmark& point = found.landmarks[std::size_t(i)];
            numbers.insert(numbers.end(), {point.x, point.y, point.value, float(point.refined)});
        }
    }
    jfloatArray result = env->NewFloatArray(jsize(numbers.size()));
    if (result) env->SetFloatArrayRegion(result, 0, jsize(numbers.size()), numbers.data());
    return result;
}

void give(JNIEnv* env, const PhaseTimes& times, jdoubleArray to) {
    const jdouble phases[] = {times.convert_ms, times.network_ms, times.decode_ms};
    env->SetDoubleArrayRegion(to, 0, 3, phases);
}

// Lines to a Consumer<byte[]>; it ends when a BooleanSupplier says so, or when one of them throws.
class JavaListener : public Listener {
public:
    JavaListener(JNIEnv* env, jobject lines, jobject cancel)
        : env_(env),
          lines_(lines),
          cancel_(cancel),
          accept_(method(lines, "accept", "(Ljava/lang/Object;)V")),
          asked_(method(cancel, "getAsBoolean", "()Z")) {}

    void line(const std::string& json) override {
        if (env_->ExceptionCheck()) return;
        jbyteArray bytes = bytes_of(env_, json);
        if (!bytes) return;
        env_->CallVoidMethod(lines_, accept_, bytes);
        env_->DeleteLocalRef(bytes);
    }
    bool cancelled() override {
        if (env_->ExceptionCheck()) return true;
        const bool wanted = env_->CallBooleanMethod(cancel_, asked_);
        return env_->ExceptionCheck() || wanted;
    }

private:
    jmethodID method(jobject of, const char* name, const char* signature) {
        return env_->GetMethodID(env_->GetObjectClass(of), name, signature);
    }
    JNIEnv* env_;
    jobject lines_, cancel_;
    jmethodID accept_, asked_;
};

constexpr jint done = 0, differs = 1, cancelled = 2;  // as Bridge.java says

}  // namespace

#define BRIDGE(result, name) \
    extern "C" JNIEXPORT result JNICALL Java_deepmark_demo_engine_Bridge_##name

BRIDGE(jlong, open)
(JNIEnv* env, jclass bridge, jbyteArray bundle, jintArray engine, jbyteArray kernels, jint fit) {
    return guarded(env, bridge, [&]() -> jlong {
        InputChoice choice;
        choice.fit = fit ? Fit::rect : Fit::square;
        std::string error;
        auto pipeline =
            Pipeline::open(path_of(env, bundle), settings_of(env, engine, kernels), choice, error);
        require(bool(pipeline), error);
        return table().add(std::make_shared<LiveDetector>(std::move(pipeline)));
    });
}

BRIDGE(jbyteArray, describe)(JNIEnv* env, jclass bridge, jlong handle) {
    return guarded(env, bridge, [&] { return bytes_of(env, detector_of(handle)->description()); });
}

BRIDGE(jfloatArray, detectFrame)
(JNIEnv* env, jclass bridge, jlong handle, jobject y, jobject u, jobject v, jintArray layout,
 jint techniques, jdouble score, jdoubleArray times) {
    return guarded(env, bridge, [&] {
        jint at[13];
        env->GetIntArrayRegion(layout, 0, 13, at);
        const FrameLayout lies = {plane_of(env, y, at),
                                  plane_of(env, u, at + 2),
                                  plane_of(env, v, at + 4),
                                  at[6],
                                  at[7],
                                  at[8],
                                  at[9],
                                  at[10],
                                  at[11] != 0,
                                  at[12] != 0};
        CameraFrame frame;
        Detections found;
        PhaseTimes took;
        std::string error;
        require(CameraFrame::open(lies, frame, error), error);
        require(detector_of(handle)->detect(frame, unsigned(techniques), score, found, took, error),
                error);
        give(env, took, times);
        return packed(env, frame.width, frame.height, found);
    });
}

BRIDGE(jfloatArray, detectPicture)
(JNIEnv* env, jclass bridge, jlong handle, jintArray argb, jint width, jint height, jint techniques,
 jdouble score, jdoubleArray times) {
    return guarded(env, bridge, [&] {
        const jsize held = env->GetArrayLength(argb);
        require(width < 1 || height < 1 || held >= jlong(width) * height,
                "a picture of " + std::to_string(width) + "x" + std::to_string(height) +
                    " pixels has " + std::to_string(held));
        const auto detector = detector_of(handle);
        const auto unused = [&](jint* words) {
            env->ReleaseIntArrayElements(argb, words, JNI_ABORT);
        };
        const std::unique_ptr<jint, decltype(unused)> words(env->GetIntArrayElements(argb, nullptr),
                                                            unused);
        require(bool(words), "there is not enough memory for this picture");
        const ArgbView picture = {words.get(), height, width};
        Detections found;
        PhaseTimes took;
        std::string error;
        require(detector->detect(picture, unsigned(techniques), score, found, took, error), error);
        give(env, took, times);
        return packed(env, width, height, found);
    });
}

BRIDGE(void, close)(JNIEnv* /*env*/, jclass /*bridge*/, jlong handle) { table().remove(handle); }

BRIDGE(jint, verify)
(JNIEnv* env, jclass bridge, jbyteArray bundle, jintArray engine, jbyteArray kernels, jobject lines,
 jobject cancel) {
    return guarded(env, bridge, [&] {
        JavaListener listener(env, lines, cancel);
        Failure failure;
        const Verdict verdict =
            verify(path_of(env, bundle), settings_of(env, engine, kernels), listener, failure);
        require(verdict != Verdict::failed, failure.message);
        return verdict == Verdict::equal ? done : verdict == Verdict::differs ? differs : cancelled;
    });
}

BRIDGE(jint, bench)
(JNIEnv* env, jclass bridge, jbyteArray bundle, jbyteArray pictures, jintArray engine,
 jbyteArray kernels, jintArray counts, jdoubleArray numbers, jobject lines, jobject cancel) {
    return guarded(env, bridge, [&] {
        jint count[3];
        jdouble number[3];
        env->GetIntArrayRegion(counts, 0, 3, count);
        env->GetDoubleArrayRegion(numbers, 0, 3, number);
        BenchmarkSettings settings;
        settings.engine = settings_of(env, engine, kernels);
        settings.warm_runs = count[0];
        settings.runs = count[1];
        if (count[2] >= 0) settings.techniques = techniques_in_words(unsigned(count[2]));
        settings.warm_seconds = number[0];
        settings.seconds = number[1];
        settings.threshold = number[2];
        JavaListener listener(env, lines, cancel);
        Failure failure;
        const BenchmarkEnd end = run_benchmark(path_of(env, bundle), path_of(env, pictures),
                                               settings, listener, failure);
        require(end != BenchmarkEnd::failed, failure.message);
        return end == BenchmarkEnd::done ? done : cancelled;
    });
}
