// decode_run: heads from stdin, detections to stdout; test_decoder.py writes and reads both. Ends with status 3 where a
// frame like the one before it allocated memory.
// stdin: a header of words (see read_case), one newline, then float32 arrays.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>

#include "decoder.hpp"
#include "nms.hpp"
#include "sparse_heads.hpp"

using namespace deepmark;

namespace {

long allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

std::vector<float> floats(size_t count) {
    std::vector<float> values(count);
    std::cin.read(reinterpret_cast<char*>(values.data()), std::streamsize(count * sizeof(float)));
    return values;
}

Layer layer(int rows, int depth) {
    return {rows, depth, floats(size_t(rows) * size_t(depth)), floats(size_t(rows))};
}

}  // namespace

int main() {
    int classes, height, width, has_reg, has_hm_hp, has_hp_offset, nms, features, hidden;
    Schema schema;
    DecoderParams params;
    std::cin >> classes >> schema.num_groups >> height >> width >> has_reg >> has_hm_hp >> has_hp_offset >> features >>
        hidden;
    std::cin >> params.alpha >> params.sigma_center >> params.sigma_keypoint >> params.gamma >> params.mask >>
        params.top_k >> params.keypoint_threshold >> nms >> params.score_threshold >> params.border_replicate >>
        params.threshold_on_raw >> params.skip_unrefined >> params.nms_iou >> params.nms_sigma >> params.nms_score;
    params.nms = Nms(nms);
    for (int i = 0; i < classes; ++i) {
        int count;
        std::cin >> count;
        schema.class_names.push_back(std::to_string(i));
        schema.groups.emplace_back(size_t(count));
        for (int& group : schema.groups.back()) std::cin >> group;
    }
    std::cin.get();
    std::string error;
    if (!std::cin || !params.check(error)) return 2;
    const int groups = schema.num_groups;
    const size_t cells = size_t(height) * size_t(width);
    const auto map = [&](std::vector<float>& values, int channels, bool present) -> Map {
        if (!present) return {};
        values = floats(size_t(channels) * cells);
        return {values.data(), channels, height, width};
    };
    std::vector<float> hm, hm_hp, wh, hps, reg, hp_offset, maps;
    const Map centre_map = map(hm, classes, true), landmark_map = map(hm_hp, groups, has_hm_hp);
    Decoder decoder(schema, params);
    Detections found;
    DenseHeads dense;
    HeadWeights weights;
    Map feature_map;
    if (!features) {
        dense.wh = map(wh, 2, true);
        dense.hps = map(hps, 2 * groups, true);
        dense.reg = map(reg, 2, has_reg);
        dense.hp_offset = map(hp_offset, 2, has_hp_offset);
    } else {
        feature_map = map(maps, features, true);
        weights.features = features;
        const auto head = [&](int rows, bool present) -> HeadLayers {
            if (!present) return {};
            HeadLayers layers;
            if (hidden) layers.first = layer(hidden, features * 9);
            layers.last = layer(rows, hidden ? hidden : features);
            return layers;
        };
        weights.wh = head(2, true);
        weights.hps = head(2 * groups, true);
        weights.reg = head(2, has_reg);
        weights.hp_offset = head(2, has_hp_offset);
    }
    SparseHeads sparse(weights);
    sparse.features = feature_map;
    if (!std::cin) return 2;
    Suppressor suppressor;
    Regressions& others = features ? static_cast<Regressions&>(sparse) : dense;
    for (int turn = 0; turn < 2; ++turn) {  // twice: what the first leaves behind must not matter
        allocations = 0;
        if (!decoder.decode(centre_map, landmark_map, others, found, error)) {
            std::fprintf(stderr, "error: %s\n", error.c_str());
            return 1;
        }
        suppressor.suppress(found, params);
    }
    if (allocations) {
        std::fprintf(stderr, "error: the second frame allocated memory %ld times\n", allocations);
        return 3;
    }
    for (const Object& one : found.objects) {
        std::printf("%d %.9g %.9g %.9g %.9g %.9g %.9g %.9g", one.class_id, double(one.score), double(one.box_score),
                    double(one.keypoints_score), double(one.box[0]), double(one.box[1]), double(one.box[2]),
                    double(one.box[3]));
        for (int i = 0; i < one.count; ++i) {
            const Landmark& point = found.landmarks[size_t(one.first + i)];
            std::printf(" %.9g %.9g %.9g %d", double(point.x), double(point.y), double(point.value), point.refined);
        }
        std::printf("\n");
    }
}
