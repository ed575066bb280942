#include "model_description.hpp"

#include "techniques.hpp"

namespace deepmark {
namespace {

template <class Items, class Write>
std::string listed(const Items& items, Write write) {
    std::string list = "[";
    for (const auto& one : items) list += (list.size() > 1 ? "," : "") + write(one);
    return list + "]";
}

std::string numbers(const std::vector<int>& values) {
    return listed(values, [](int value) { return std::to_string(value); });
}

std::string parameters(const DecoderParams& params) {
    const char* nms = params.nms == Nms::none   ? "null"
                      : params.nms == Nms::soft ? R"("soft")"
                                                : R"("hard")";
    std::vector<int> techniques;
    for (int technique = 1; technique <= 4; ++technique)
        if (techniques_of(params) >> unsigned(technique - 1) & 1U) techniques.push_back(technique);
    return R"({"alpha":)" + shown(params.alpha) + R"(,"sigma_center":)" +
           shown(params.sigma_center) + R"(,"sigma_keypoint":)" + shown(params.sigma_keypoint) +
           R"(,"gamma":)" + shown(params.gamma) + R"(,"mask":)" + (params.mask ? "true" : "false") +
           R"(,"top_k":)" + std::to_string(params.top_k) + R"(,"keypoint_threshold":)" +
           shown(params.keypoint_threshold) + R"(,"nms":)" + nms + R"(,"score_threshold":)" +
           shown(params.score_threshold) + R"(,"techniques":)" + numbers(techniques) + "}";
}

std::string classes(const Bundle& bundle) {
    std::string list;
    for (std::size_t i = 0; i < bundle.drawings.size(); ++i)
        list += (i ? R"(,{"name":)" : R"({"name":)") + quoted(bundle.schema.class_names[i]) +
                R"(,"landmarks":)" + listed(bundle.drawings[i].landmark_names, quoted) +
                R"(,"outline":)" + listed(bundle.drawings[i].outline, numbers) + "}";
    return "[" + list + "]";
}

}  // namespace

std::string described(const Pipeline& pipeline) {
    const Bundle& bundle = pipeline.bundle();
    const Engine& engine = pipeline.session().engine();
    return R"({"name":)" + quoted(bundle.name) + R"(,"precision":)" + quoted(bundle.precision) +
           R"(,"input":{"height":)" + std::to_string(pipeline.size().height) + R"(,"width":)" +
           std::to_string(pipeline.size().width) + R"(,"fit":")" + in_words(pipeline.fit()) +
           R"("},"classes":)" + classes(bundle) + R"(,"decoder":)" + parameters(bundle.decoder) +
           R"(,"engine":{"mnn_version":)" + quoted(Engine::mnn_version()) +
           R"(,"precision_used":")" + pipeline.precision_used() + R"(","threads_used":)" +
           std::to_string(engine.threads_used()) + R"(,"memory_mib":)" + session_memory(engine) +
           R"(,"gpu":)" + gpu_facts(engine) + "}}";
}

std::string gpu_facts(const Engine& engine) {
    const GpuFacts* gpu = engine.gpu();
    if (!gpu) return "null";
    return R"({"name":)" + quoted(gpu->name) + R"(,"driver":)" + quoted(gpu->driver) +
           R"(,"clock_mhz":)" + std::to_string(gpu->clock_mhz) + R"(,"mode":)" +
           std::to_string(gpu->mode) + R"(,"placement":)" + quoted(gpu->placement) +
           R"(,"operators":)" + std::to_string(gpu->operators) + R"(,"on_cpu":)" +
           std::to_string(gpu->on_cpu) + R"(,"create_ms":)" + fixed(gpu->create_ms, 3) +
           R"(,"resize_ms":)" + fixed(gpu->resize_ms, 3) + R"(,"first_ms":)" +
           fixed(gpu->first_ms, 3) + R"(,"kernels":)" + quoted(gpu->kernels) +
           R"(,"compiled_ms":)" + fixed(gpu->compiled_ms, 3) + "}";
}

std::string session_memory(const Engine& engine) {
    return engine.gpu() ? "null" : shown(double(engine.memory_mib()));
}

}  // namespace deepmark
