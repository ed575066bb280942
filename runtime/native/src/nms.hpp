// Suppression of objects that overlap a better one of their class, as runtime/decoding/nms.py.
#pragma once

#include <vector>

#include "deepmark/deepmark.hpp"
#include "params.hpp"

namespace deepmark {

// Keeps its buffers, so that a frame like one before allocates nothing.
class Suppressor {
public:
    // In whatever coordinates the boxes come; one unit is added to each side. Objects whose score
    // falls below params.score_threshold go too.
    void suppress(Detections& detections, const DecoderParams& params);

private:
    // Scores, in float64 to the end: one that many rivals decay is rounded once.
    std::vector<double> left_;
    std::vector<char> has_rival_;
    std::vector<Object> kept_;
};

}  // namespace deepmark
