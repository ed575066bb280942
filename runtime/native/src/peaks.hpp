// The cells of the centre heatmap that objects come from, as runtime/decoding/peaks.py.
#pragma once

#include <vector>

#include "heads.hpp"
#include "params.hpp"

namespace deepmark {

constexpr double probability_slack = 1e-3;  // rounding, and engines of low precision, may leave [0, 1] by this much

struct Peak {
    float score;  // after technique 2
    int class_id, cell;
};

class CentrePeaks {
public:
    // centres: the top_k best 3x3 local maxima above 0 over all classes, without those that cannot reach the score floor;
    // equal scores go by class, then by cell.
    void find(const Map& hm, const DecoderParams& params, std::vector<Peak>& centres);

private:
    std::vector<float> padded_, blurred_;
    std::vector<int> marks_;
};

}  // namespace deepmark
