#include "verification.hpp"

#include "gpu_settings.hpp"
#include "model_description.hpp"
#include "shared_numbers.hpp"
#include "vector_comparison.hpp"

namespace deepmark {
namespace {

bool keeps_enough(const Agreement& found) { return found.kept >= min_kept * found.objects; }

// How far a head may differ, of its largest value. On the CPU other threads and another processor
// make other blocks (exporter/parity.py, Tolerances.elsewhere); a GPU is held to an export's own
// tolerance, and in fp16 to one that a wrong kernel breaks (exporter/gpu_verification.py).
double head_rtol(const EngineSettings& settings) {
    if (!is_gpu(settings.compute)) return parity_rtol + other_blocks_rtol;
    return settings.gpu.precision == GpuPrecision::high ? parity_rtol : fp16_rtol;
}

bool is_exact(const EngineSettings& settings, const Bundle& bundle) {
    if (is_gpu(settings.compute)) return settings.gpu.precision == GpuPrecision::high;
    return settings.precision == Precision::fp32 && bundle.precision != "int8";
}

const char* truth(bool value) { return value ? "true" : "false"; }

// The number of a vector, from the name of its JSON file; empty for other files.
std::string number_of(const std::string& file) {
    static const std::string folder = "vectors/", ending = ".json";
    const std::size_t around = folder.size() + ending.size();
    if (file.compare(0, folder.size(), folder) != 0 || file.size() <= around ||
        file.compare(file.size() - ending.size(), ending.size(), ending) != 0)
        return "";
    return file.substr(folder.size(), file.size() - around);
}

}  // namespace

Verdict verify(const std::string& bundle, const EngineSettings& settings, Listener& listener,
               Failure& failure) {
    std::string error;
    const auto fail = [&](const std::string& message, const char* hint) {
        failure = {message, hint};
        return Verdict::failed;
    };
    InputChoice choice;
    choice.fit = Fit::square;  // vectors are inputs themselves, the first ones of the model's size
    choice.sessions = 1;       // those of one size stand together
    auto pipeline = Pipeline::open(bundle, settings, choice, error);
    if (!pipeline) return fail(error, load_hint(settings));
    DecoderParams params = pipeline->bundle().decoder;
    params.nms = Nms::none;
    params.score_threshold = 0;
    params.top_k *= 2;
    Decoder decoder(pipeline->bundle().schema, params);
    const bool on_gpu = is_gpu(settings.compute), exact = is_exact(settings, pipeline->bundle());
    const double rtol = head_rtol(settings);
    Agreement all;
    bool equal = true, heads_equal = true, any = false;
    for (const auto& [name, entry] : pipeline->bundle().files) {
        const std::string number = number_of(name);
        if (number.empty()) continue;
        if (listener.cancelled()) return Verdict::cancelled;
        Comparison found;
        any = true;
        if (!compare_vector(*pipeline, decoder, number, rtol, found, error))
            return fail(bundle + ": " + error, load_hint(settings));
        all.objects += found.agreement.objects;
        all.kept += found.agreement.kept;
        heads_equal = heads_equal && found.heads_equal;
        if (!exact) found.equal = keeps_enough(found.agreement) && (!on_gpu || found.heads_equal);
        equal = equal && found.equal;
        listener.line(R"({"event":"vector","number":)" + quoted(number) + R"(,"equal":)" +
                      truth(found.equal) + R"(,"heads":{)" + found.heads + R"(},"objects":)" +
                      found.objects + "}");
    }
    if (!exact) equal = keeps_enough(all) && (!on_gpu || heads_equal);
    if (!any) return fail(bundle + " has no golden vectors", "export it again");
    const std::string precision = on_gpu
                                      ? pipeline->precision_used()
                                      : (settings.precision == Precision::fp16 ? "fp16" : "fp32");
    listener.line(R"({"event":"end","equal":)" + std::string(truth(equal)) + R"(,"compute":)" +
                  quoted(computes[std::size_t(settings.compute)]) + R"(,"precision":)" +
                  quoted(precision) + R"(,"seen":)" + std::to_string(all.objects) + R"(,"kept":)" +
                  std::to_string(all.kept) + R"(,"gpu":)" +
                  gpu_facts(pipeline->session().engine()) + R"(,"mnn_version":)" +
                  quoted(Engine::mnn_version()) + "}");
    return equal ? Verdict::equal : Verdict::differs;
}

}  // namespace deepmark
