#include "pipeline.hpp"

#include <algorithm>

#include "gpu_settings.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

Map map_of(const Output& one) {
    return {one.values.data(), one.shape[1], one.shape[2], one.shape[3]};
}

}  // namespace

std::unique_ptr<Pipeline> Pipeline::open(const std::string& path, const EngineSettings& settings,
                                         int height, int width, std::string& error) {
    std::unique_ptr<Pipeline> made(new Pipeline);
    Bundle& bundle = made->bundle_;
    made->asked_ = settings.precision;
    if (!Bundle::open(path, bundle, error)) return nullptr;
    made->height_ = height ? height : bundle.height;
    made->width_ = width ? width : bundle.width;
    const bool own = made->height_ == bundle.height && made->width_ == bundle.width;
    if (!own &&
        (!bundle.dynamic || made->height_ % bundle.multiple || made->width_ % bundle.multiple)) {
        error = path + ": the input must have " + std::to_string(bundle.height) + "x" +
                std::to_string(bundle.width) + " pixels" +
                (bundle.dynamic ? ", or multiples of " + std::to_string(bundle.multiple) : "");
        return nullptr;
    }
    if (is_gpu(settings.compute) && bundle.precision == "int8") {
        error = path + " is an int8 bundle: on " + gpu_name(settings.compute) +
                " MNN computes it in floating point, which is not the network that was proven";
        return nullptr;
    }
    EngineSettings obeyed = settings;
    if (obeyed.winograd_level < 0) obeyed.winograd_level = bundle.winograd_level;
    made->winograd_level_ = obeyed.winograd_level;
    made->engine_ = Engine::load(bundle.model_path(), made->height_, made->width_, bundle.multiple,
                                 obeyed, error);
    if (!made->engine_ || !made->connect(error)) return nullptr;
    return made;
}

// Find every output by its name, and make room for everything that a run needs.
bool Pipeline::connect(std::string& error) {
    for (const auto& [name, channels] : bundle_.channels) {
        const Output* found = output(name);
        if (!found ||
            found->shape != std::vector<int>{1, channels, height_ / stride, width_ / stride}) {
            error = bundle_.path + ": the model must give " + name + " with " +
                    std::to_string(channels) + " channels and a quarter of its input's size";
            return false;
        }
    }
    place_heatmaps();
    if (bundle_.sparse) {
        HeadWeights weights;
        if (!bundle_.read_weights(weights, error)) return false;
        sparse_ = std::make_unique<SparseHeads>(std::move(weights));
        sparse_->features = map_of("features");
    } else {
        dense_.wh = map_of("wh");
        dense_.hps = map_of("hps");
        dense_.reg = map_of("reg");
        dense_.hp_offset = map_of("hp_offset");
    }
    decoder_ = std::make_unique<Decoder>(bundle_.schema, bundle_.decoder);
    const auto pixels = std::size_t(height_) * std::size_t(width_);
    warped_.resize(3 * pixels);
    input_.resize(3 * pixels);
    table_.resize(std::size_t(3) * 256);
    for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t value = 0; value < 256; ++value)
            table_[channel * 256 + value] =
                float((double(value) / 255 - bundle_.mean[channel]) / bundle_.deviation[channel]);
    return true;
}

// Find the heatmaps: where the network puts them, or in room of our own where they are changed.
void Pipeline::place_heatmaps() {
    hm_map_ = map_of("hm");
    hm_hp_map_ = map_of("hm_hp");
    if (!bundle_.logits && !flipped_) return;
    hm_.resize(hm_map_.cells() * std::size_t(hm_map_.channels));
    hm_map_.values = hm_.data();
    if (hm_hp_map_) {
        hm_hp_.resize(hm_hp_map_.cells() * std::size_t(hm_hp_map_.channels));
        hm_hp_map_.values = hm_hp_.data();
    }
}

const Output* Pipeline::output(const std::string& name) const {
    for (const Output& one : engine_->outputs())
        if (one.name == name) return &one;
    return nullptr;
}

Map Pipeline::map_of(const std::string& name) const {
    if (!bundle_.channels.count(name)) return {};
    return deepmark::map_of(*output(name));
}

const char* Pipeline::precision_used() const {
    if (engine_->gpu()) return engine_->gpu()->precision.c_str();
    if (bundle_.precision == "int8") return "int8";
#if defined(__aarch64__)
    constexpr bool may_have_fp16 = true;
#else
    constexpr bool may_have_fp16 = false;
#endif
    return may_have_fp16 && asked_ == Precision::fp16 && engine_->has_extensions() ? "fp16"
                                                                                   : "fp32";
}

Map Pipeline::mirrored_map_of(const std::string& name) const {
    for (const Output& one : mirrored_)
        if (one.name == name) return deepmark::map_of(one);
    return {};
}

Regressions& Pipeline::regressions() {
    if (flipped_) return *flipped_;
    if (sparse_) return *sparse_;
    return dense_;
}

void Pipeline::set_params(const DecoderParams& params) {
    decoder_ = std::make_unique<Decoder>(bundle_.schema, params);
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
    flipped_.reset();
    mirrored_.clear();
    if (on) {
        mirrored_ = engine_->outputs();
        mirrored_dense_.wh = mirrored_map_of("wh");
        mirrored_dense_.hps = mirrored_map_of("hps");
        mirrored_dense_.reg = mirrored_map_of("reg");
        mirrored_dense_.hp_offset = mirrored_map_of("hp_offset");
        const auto run = [this](bool mirrored) -> Regressions& {
            if (!sparse_) return mirrored ? mirrored_dense_ : dense_;
            sparse_->features = mirrored ? mirrored_map_of("features") : map_of("features");
            return *sparse_;
        };
        flipped_ = std::make_unique<FlippedRegressions>(run, mirror, width_ / stride);
    } else if (sparse_) {
        sparse_->features = map_of("features");
    }
    place_heatmaps();
    return true;
}

bool Pipeline::take_input(const Bytes& pixels) {
    if (pixels.size() != warped_.size()) return false;
    warped_ = pixels;
    image_height_ = height_;
    image_width_ = width_;
    return true;
}

bool Pipeline::run_network(std::string& error) {
    if (flipped_) {
        if (!run_on(true, error)) return false;
        for (std::size_t i = 0; i < mirrored_.size(); ++i)
            std::copy(engine_->outputs()[i].values.begin(), engine_->outputs()[i].values.end(),
                      mirrored_[i].values.begin());  // in place: maps point there
    }
    return run_on(false, error);
}

bool Pipeline::run_on(bool mirrored, std::string& error) {
    const auto pixels = std::size_t(height_) * std::size_t(width_);
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const float* table = &table_[channel * 256];
        float* to = &input_[channel * pixels];
        const std::uint8_t* from = &warped_[channel];
        for (std::size_t i = 0; i < pixels; ++i) to[i] = table[from[3 * i]];
        if (mirrored)
            for (float* row = to; row < to + pixels; row += width_) std::reverse(row, row + width_);
    }
    return engine_->run({input_.data()}, error);
}

bool Pipeline::decode_cells(Decoder& decoder, Detections& found, std::string& error) {
    if (flipped_) {
        average_heatmaps();
    } else if (bundle_.logits) {
        hm_ = output("hm")->values;
        sigmoid(hm_.data(), hm_.size());
        if (hm_hp_map_) {
            hm_hp_ = output("hm_hp")->values;
            sigmoid(hm_hp_.data(), hm_hp_.size());
        }
    }
    return decoder.decode(hm_map_, hm_hp_map_, regressions(), found, error);
}

void Pipeline::average_heatmaps() {
    const auto average = [this](const char* name, const std::vector<int>& source,
                                std::vector<float>& to) {
        Map plain = map_of(name), mirrored = mirrored_map_of(name);
        if (bundle_.logits) {
            to = output(name)->values;
            turned_.assign(mirrored.values, mirrored.values + to.size());
            sigmoid(to.data(), to.size());
            sigmoid(turned_.data(), turned_.size());
            plain.values = to.data();
            mirrored.values = turned_.data();
        }
        average_maps(plain, mirrored, source, to.data());
    };
    average("hm", {}, hm_);
    if (hm_hp_map_) average("hm_hp", bundle_.schema.mirror_groups, hm_hp_);
}

bool Pipeline::decode(Detections& found, std::string& error) {
    if (!decode_cells(*decoder_, found, error)) return false;
    // Input pixels per image pixel.
    const double scale = double(width_) / std::max(image_height_, image_width_);
    const double middle[2] = {image_width_ / 2.0, image_height_ / 2.0},
                 input[2] = {width_ / 2.0, height_ / 2.0};
    const auto to_image = [&](float cells, int axis) {
        return float((double(cells) * stride - input[axis]) / scale + middle[axis]);
    };
    for (Object& one : found.objects)
        for (int side = 0; side < 4; ++side) one.box[side] = to_image(one.box[side], side % 2);
    for (Landmark& one : found.landmarks) {
        one.x = to_image(one.x, 0);
        one.y = to_image(one.y, 1);
    }
    suppressor_.suppress(found, decoder_->params());
    return true;
}

}  // namespace deepmark
