#include "shape_session.hpp"

#include <algorithm>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

Map map_of(const Output& one) { return {one.values, one.shape[1], one.shape[2], one.shape[3]}; }

}  // namespace

ShapeSession::ShapeSession(const Bundle& bundle, SparseHeads* sparse, const Sides& input)
    : bundle_(bundle), sparse_(sparse), input_(input) {}

std::unique_ptr<ShapeSession> ShapeSession::load(const Bundle& bundle, SparseHeads* sparse,
                                                 const Sides& input, const EngineSettings& settings,
                                                 std::string& error) {
    std::unique_ptr<ShapeSession> made(new ShapeSession(bundle, sparse, input));
    made->engine_ = Engine::load({bundle.model_path(), bundle.model_sha256(), bundle.parts},
                                 input.height, input.width, bundle.multiple, settings, error);
    return made->engine_ && made->connect(error) ? std::move(made) : nullptr;
}

// Find every output by its name, and make room for everything that a run needs.
bool ShapeSession::connect(std::string& error) {
    for (const auto& [name, channels] : bundle_.channels) {
        const Output* found = output(name);
        if (!found || found->shape != std::vector<int>{1, channels, input_.height / stride,
                                                       input_.width / stride}) {
            error = bundle_.path + ": the model must give " + name + " with " +
                    std::to_string(channels) + " channels and a quarter of its input's size";
            return false;
        }
    }
    place_heatmaps();
    dense_ = dense_heads(false);
    const auto pixels = std::size_t(input_.height) * std::size_t(input_.width);
    pixels_.resize(3 * pixels);
    values_.resize(3 * pixels);
    table_.resize(std::size_t(3) * 256);
    for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t value = 0; value < 256; ++value)
            table_[channel * 256 + value] =
                float((double(value) / 255 - bundle_.mean[channel]) / bundle_.deviation[channel]);
    return true;
}

DenseHeads ShapeSession::dense_heads(bool mirrored) const {
    DenseHeads heads;
    const std::pair<const char*, Map*> all[] = {{"wh", &heads.wh},
                                                {"hps", &heads.hps},
                                                {"reg", &heads.reg},
                                                {"hp_offset", &heads.hp_offset}};
    for (const auto& [name, map] : all) *map = mirrored ? mirrored_map_of(name) : map_of(name);
    return heads;
}

// Find the heatmaps: where the network puts them, or in room of our own where they are changed.
void ShapeSession::place_heatmaps() {
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

const Output* ShapeSession::output(const std::string& name) const {
    for (const Output& one : engine_->outputs())
        if (one.name == name) return &one;
    return nullptr;
}

Map ShapeSession::map_of(const std::string& name) const {
    if (!bundle_.channels.count(name)) return {};
    return deepmark::map_of(*output(name));
}

Map ShapeSession::mirrored_map_of(const std::string& name) const {
    for (const Output& one : mirrored_.outputs())
        if (one.name == name) return deepmark::map_of(one);
    return {};
}

Regressions& ShapeSession::regressions() {
    if (flipped_) return *flipped_;
    if (!sparse_) return dense_;
    sparse_->features = map_of("features");
    return *sparse_;
}

void ShapeSession::use_flip(bool on) {
    flipped_.reset();
    mirrored_.clear();
    if (on) {
        mirrored_.keep(engine_->outputs());
        mirrored_dense_ = dense_heads(true);
        const auto run = [this](bool mirrored) -> Regressions& {
            if (!sparse_) return mirrored ? mirrored_dense_ : dense_;
            sparse_->features = mirrored ? mirrored_map_of("features") : map_of("features");
            return *sparse_;
        };
        flipped_ = std::make_unique<FlippedRegressions>(run, bundle_.schema.mirror_groups,
                                                        input_.width / stride);
    }
    place_heatmaps();
}

bool ShapeSession::run(std::string& error) {
    if (flipped_) {
        if (!run_on(true, error)) return false;
        mirrored_.keep(engine_->outputs());  // in place: maps point there
    }
    return run_on(false, error);
}

bool ShapeSession::run_on(bool mirrored, std::string& error) {
    const std::size_t pixels = pixels_.size() / 3;
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const float* table = &table_[channel * 256];
        float* to = &values_[channel * pixels];
        const std::uint8_t* from = &pixels_[channel];
        for (std::size_t i = 0; i < pixels; ++i) to[i] = table[from[3 * i]];
        if (mirrored)
            for (float* row = to; row < to + pixels; row += input_.width)
                std::reverse(row, row + input_.width);
    }
    return engine_->run({values_.data()}, error);
}

void ShapeSession::make_heatmaps() {
    if (flipped_) {
        average_heatmap("hm", {}, hm_);
        if (hm_hp_map_) average_heatmap("hm_hp", bundle_.schema.mirror_groups, hm_hp_);
    } else if (bundle_.logits) {
        take("hm", hm_);
        sigmoid(hm_.data(), hm_.size());
        if (hm_hp_map_) {
            take("hm_hp", hm_hp_);
            sigmoid(hm_hp_.data(), hm_hp_.size());
        }
    }
}

void ShapeSession::take(const std::string& name, std::vector<float>& to) const {
    const Output& from = *output(name);
    to.assign(from.values, from.values + from.count());
}

void ShapeSession::average_heatmap(const std::string& name, const std::vector<int>& source,
                                   std::vector<float>& to) {
    Map plain = map_of(name), mirrored = mirrored_map_of(name);
    if (bundle_.logits) {
        take(name, to);
        turned_.assign(mirrored.values, mirrored.values + to.size());
        sigmoid(to.data(), to.size());
        sigmoid(turned_.data(), turned_.size());
        plain.values = to.data();
        mirrored.values = turned_.data();
    }
    average_maps(plain, mirrored, source, to.data());
}

}  // namespace deepmark
