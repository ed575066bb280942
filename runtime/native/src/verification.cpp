#include "verification.hpp"

#include "shared_numbers.hpp"
#include "vector_comparison.hpp"

namespace deepmark {
namespace {

bool keeps_enough(const Agreement& found) { return found.kept >= min_kept * found.objects; }

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
    auto pipeline = Pipeline::open(bundle, settings, 0, 0, error);
    if (!pipeline) return fail(error, "copy the bundle again, or export it again");
    DecoderParams params = pipeline->bundle().decoder;
    params.nms = Nms::none;
    params.score_threshold = 0;
    params.top_k *= 2;
    Decoder decoder(pipeline->bundle().schema, params);
    const bool exact =
        settings.precision == Precision::fp32 && pipeline->bundle().precision != "int8";
    Agreement all;
    bool equal = true, any = false;
    for (const auto& [name, entry] : pipeline->bundle().files) {
        const std::string number = number_of(name);
        if (number.empty()) continue;
        if (listener.cancelled()) return Verdict::cancelled;
        Comparison found;
        any = true;
        if (!compare_vector(*pipeline, decoder, number, found, error))
            return fail(bundle + ": " + error, "copy the bundle again, or export it again");
        all.objects += found.agreement.objects;
        all.kept += found.agreement.kept;
        if (!exact) found.equal = keeps_enough(found.agreement);
        equal = equal && found.equal;
        listener.line(R"({"event":"vector","number":)" + quoted(number) + R"(,"equal":)" +
                      truth(found.equal) + R"(,"heads":{)" + found.heads + R"(},"objects":)" +
                      found.objects + "}");
    }
    if (!exact) equal = keeps_enough(all);
    if (!any) return fail(bundle + " has no golden vectors", "export it again");
    listener.line(R"({"event":"end","equal":)" + std::string(truth(equal)) + R"(,"precision":")" +
                  (settings.precision == Precision::fp16 ? "fp16" : "fp32") +
                  R"(","mnn_version":)" + quoted(Engine::mnn_version()) + "}");
    return equal ? Verdict::equal : Verdict::differs;
}

}  // namespace deepmark
