// What tests/support/native_decoder.py writes: a header of words, one newline, then float32 arrays.
#pragma once

#include <iostream>
#include <string>
#include <vector>

#include "params.hpp"
#include "sparse_heads.hpp"

struct Case {
    deepmark::Schema schema;
    deepmark::DecoderParams params;
    deepmark::Map hm, hm_hp;
    deepmark::DenseHeads dense;
    deepmark::HeadWeights weights;
    deepmark::Map features;  // empty: dense heads

    // Read it from stdin; false where it is none.
    bool read();

    static std::vector<float> floats(std::size_t count) {
        std::vector<float> values(count);
        std::cin.read(reinterpret_cast<char*>(values.data()),
                      std::streamsize(count * sizeof(float)));
        return values;
    }

private:
    std::vector<float> hm_, hm_hp_, wh_, hps_, reg_, hp_offset_, features_;
};

inline bool Case::read() {
    using namespace deepmark;
    int classes, height, width, has_reg, has_hm_hp, has_hp_offset, nms, channels, hidden;
    std::cin >> classes >> schema.num_groups >> height >> width >> has_reg >> has_hm_hp >>
        has_hp_offset >> channels >> hidden;
    std::cin >> params.alpha >> params.sigma_center >> params.sigma_keypoint >> params.gamma >>
        params.mask >> params.top_k >> params.keypoint_threshold >> nms >> params.score_threshold >>
        params.border_replicate >> params.threshold_on_raw >> params.skip_unrefined >>
        params.nms_iou >> params.nms_sigma >> params.nms_score;
    params.nms = Nms(nms);
    for (int i = 0; i < classes; ++i) {
        int count;
        std::cin >> count;
        schema.class_names.push_back(std::to_string(i));
        schema.groups.emplace_back(std::size_t(count));
        for (int& group : schema.groups.back()) std::cin >> group;
    }
    std::cin.get();
    std::string error;
    if (!std::cin || !params.check(error)) return false;
    const int groups = schema.num_groups;
    const auto map = [&](std::vector<float>& values, int depth, bool present) -> Map {
        if (!present) return {};
        values = floats(std::size_t(depth) * std::size_t(height) * std::size_t(width));
        return {values.data(), depth, height, width};
    };
    hm = map(hm_, classes, true);
    hm_hp = map(hm_hp_, groups, has_hm_hp);
    if (!channels) {
        dense.wh = map(wh_, 2, true);
        dense.hps = map(hps_, 2 * groups, groups > 0);
        dense.reg = map(reg_, 2, has_reg);
        dense.hp_offset = map(hp_offset_, 2, has_hp_offset);
        return bool(std::cin);
    }
    features = map(features_, channels, true);
    weights.features = channels;
    const auto layer = [](int rows, int depth) -> Layer {
        Layer made{rows, depth, floats(std::size_t(rows) * std::size_t(depth)), {}};
        made.bias = floats(std::size_t(rows));
        return made;
    };
    const auto head = [&](int rows, bool present) -> HeadLayers {
        if (!present) return {};
        HeadLayers layers;
        if (hidden) layers.first = layer(hidden, channels * 9);
        layers.last = layer(rows, hidden ? hidden : channels);
        return layers;
    };
    weights.wh = head(2, true);
    weights.hps = head(2 * groups, groups > 0);
    weights.reg = head(2, has_reg);
    weights.hp_offset = head(2, has_hp_offset);
    return bool(std::cin);
}
