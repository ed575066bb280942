// The flip test, as runtime/heads/flipped.py: heads that are the mean of a picture's and of its
// mirror image's. In the mirrored run a cell lies at W - 1 - x, a displacement points the other
// way, and a left landmark is a right one.
#pragma once

#include <functional>

#include "heads.hpp"

namespace deepmark {

// out = (plain + mirrored[source[channel]] turned back) / 2, of maps of one size.
//
// source: (channels,) channel of the mirrored run for each; empty: the same.
// out: (channels, height, width).
void average_maps(const Map& plain, const Map& mirrored, const std::vector<int>& source,
                  float* out);

// wh and hps of both runs, reg and hp_offset of the plain one.
class FlippedRegressions : public Regressions {
public:
    // Where to read a run's heads, the plain one's or the mirrored one's, until the next call.
    using Run = std::function<Regressions&(bool mirrored)>;

    // mirror_groups: (groups,) group that each group becomes in a mirrored picture.
    // width: cells of a row.
    FlippedRegressions(Run run, std::vector<int> mirror_groups, int width)
        : run_(std::move(run)), mirror_groups_(std::move(mirror_groups)), width_(width) {}

    int groups() const override { return int(mirror_groups_.size()); }
    bool has_landmark_offsets() const override { return run_(false).has_landmark_offsets(); }
    void at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                    const std::vector<int>& group, float* sizes, float* offsets,
                    float* displacements) override;
    void at_landmarks(const std::vector<int>& cells, float* offsets) override {
        run_(false).at_landmarks(cells, offsets);
    }

private:
    Run run_;
    std::vector<int> mirror_groups_;
    int width_;
    std::vector<int> cells_, group_;                      // (N,), (P,) of the mirrored run
    std::vector<float> sizes_, offsets_, displacements_;  // (2, N), (2, N), (2, P)
};

}  // namespace deepmark
