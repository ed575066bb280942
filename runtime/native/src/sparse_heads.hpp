// Heads that are computed where they are read, as runtime/heads/sparse.py: a 3x3 convolution, a
// ReLU and a 1x1 convolution of the features, or a single 1x1 convolution.
#pragma once

#include <vector>

#include "heads.hpp"

namespace deepmark {

// weight @ x + bias: weight is (rows, depth), rows first.
struct Layer {
    int rows = 0, depth = 0;
    std::vector<float> weight, bias;
};

// One head of heads.npz; `first` has no rows where the head is a single 1x1 convolution.
// first.depth is F * 9.
struct HeadLayers {
    Layer first, last;
};

struct HeadWeights {
    int features = 0;                    // F
    HeadLayers wh, hps, reg, hp_offset;  // all but wh may be missing
};

class SparseHeads : public Regressions {
public:
    explicit SparseHeads(HeadWeights weights);

    Map features;  // (F, H, W), set before every decode

    int groups() const override { return hps_.rows / 2; }
    bool has_landmark_offsets() const override { return hp_offset_.rows > 0; }
    void at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                    const std::vector<int>& group, float* sizes, float* offsets,
                    float* displacements) override;
    void at_landmarks(const std::vector<int>& cells, float* offsets) override;

private:
    const float* hidden_at(const Layer& first, const std::vector<int>& cells);

    int channels_;
    // The 3x3 convolutions of all heads that are read there, one after the other.
    Layer at_centres_, at_landmarks_;
    Layer wh_, hps_, reg_, hp_offset_;
    std::vector<float> patches_, hidden_, offsets_;
    std::vector<int> once_;
};

}  // namespace deepmark
