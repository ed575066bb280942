#include "pipeline.hpp"

#include <algorithm>

#include "gpu_settings.hpp"

namespace deepmark {

std::unique_ptr<Pipeline> Pipeline::open(const std::string& path, const EngineSettings& settings,
                                         const InputChoice& choice, std::string& error) {
    std::unique_ptr<Pipeline> made(new Pipeline);
    Bundle& bundle = made->bundle_;
    if (!Bundle::open(path, bundle, error)) return nullptr;
    const Sides own = {bundle.height, bundle.width};
    const Sides size = made->size_ = choice.size == Sides{} ? own : choice.size;
    if (!(size == own) &&
        (!bundle.dynamic || size.height % bundle.multiple || size.width % bundle.multiple)) {
        error = path + ": the input must have " + in_words(own) + " pixels" +
                (bundle.dynamic ? ", or multiples of " + std::to_string(bundle.multiple) : "");
        return nullptr;
    }
    if (is_gpu(settings.compute) && bundle.precision == "int8") {
        error = path + " is an int8 bundle: on " + gpu_name(settings.compute) +
                " MNN computes it in floating point, which is not the network that was proven";
        return nullptr;
    }
    made->settings_ = settings;
    if (settings.winograd_level < 0) made->settings_.winograd_level = bundle.winograd_level;
    made->most_sessions_ = choice.sessions;
    made->fit_ = choice.fit && bundle.dynamic ? *choice.fit : bundle.fit;
    if (bundle.sparse) {
        HeadWeights weights;
        if (!bundle.read_weights(weights, error)) return nullptr;
        made->sparse_ = std::make_unique<SparseHeads>(std::move(weights));
    }
    made->decoder_ = std::make_unique<Decoder>(bundle.schema, bundle.decoder);
    if (!made->prepare(made->input_for(choice.first_picture), error)) return nullptr;
    return made;
}

bool Pipeline::prepare(const Sides& input, std::string& error) {
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const auto& one) { return one->input() == input; });
    if (found != sessions_.end()) {
        std::rotate(sessions_.begin(), found, found + 1);
        return true;
    }
    if (sessions_.size() == most_sessions_) sessions_.pop_back();  // first, for the memory's sake
    auto made = ShapeSession::load(bundle_, sparse_.get(), input, settings_, error);
    if (!made) return false;
    made->use_flip(flip_);
    sessions_.insert(sessions_.begin(), std::move(made));
    return true;
}

const char* Pipeline::precision_used() const {
    if (session().engine().gpu()) return session().engine().gpu()->precision.c_str();
    if (bundle_.precision == "int8") return "int8";
#if defined(__aarch64__)
    constexpr bool may_have_fp16 = true;
#else
    constexpr bool may_have_fp16 = false;
#endif
    return may_have_fp16 && settings_.precision == Precision::fp16 &&
                   session().engine().has_extensions()
               ? "fp16"
               : "fp32";
}

void Pipeline::set_params(const DecoderParams& params) {
    decoder_ = std::make_unique<Decoder>(bundle_.schema, params);
}

bool Pipeline::use_fit(Fit fit, std::string& error) {
    if (fit == Fit::rect && !bundle_.dynamic) {
        error = bundle_.path + " takes inputs of " + in_words(size_) +
                " alone: fit must be square, or export it without --fixed";
        return false;
    }
    fit_ = fit;
    return true;
}

bool Pipeline::use_flip(bool on, std::string& error) {
    const auto& mirror = bundle_.schema.mirror_groups;
    bool has_pair = mirror.size() < 2;
    for (std::size_t group = 0; group < mirror.size(); ++group)
        has_pair = has_pair || mirror[group] != int(group);
    if (on && !has_pair) {
        error = bundle_.path +
                ": a flip test must know which landmarks are left and right, but of " +
                std::to_string(mirror.size()) + " landmark groups no two are a pair";
        return false;
    }
    flip_ = on;
    for (const auto& one : sessions_) one->use_flip(on);
    return true;
}

bool Pipeline::take_input(const Picture& picture, std::string& error) {
    const Sides sides = {picture.height, picture.width};
    if (!bundle_.dynamic && !(sides == size_)) {
        error = "it has " + in_words(sides) + " pixels, the network takes " + in_words(size_);
        return false;
    }
    if (!prepare(sides, error)) return false;
    std::copy(picture.pixels.begin(), picture.pixels.end(), session().pixels());
    picture_ = sides;
    return true;
}

bool Pipeline::run_network(std::string& error) { return session().run(error); }

bool Pipeline::decode_cells(Decoder& decoder, Detections& found, std::string& error) {
    session().make_heatmaps();
    return decoder.decode(session().hm(), session().hm_hp(), session().regressions(), found, error);
}

bool Pipeline::decode(Detections& found, std::string& error) {
    if (!decode_cells(*decoder_, found, error)) return false;
    const Placement at = {picture_, session().input()};
    for (Object& one : found.objects)
        for (int side = 0; side < 4; ++side) one.box[side] = at.to_picture(one.box[side], side % 2);
    for (Landmark& one : found.landmarks) {
        one.x = at.to_picture(one.x, 0);
        one.y = at.to_picture(one.y, 1);
    }
    suppressor_.suppress(found, decoder_->params());
    return true;
}

}  // namespace deepmark
