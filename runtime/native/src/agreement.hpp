// Whether two computations see the same objects, measured as the data set's own metric would
// (exporter/precision/agreement.py): for arithmetic of another precision, where cells and landmarks
// move a little.
#pragma once

#include <vector>

#include "boxes.hpp"
#include "params.hpp"

namespace deepmark {

// An object in heatmap cells.
struct Seen {
    int class_id = 0;
    double score = 0;
    Box box{};
    std::vector<double> keypoints;  // x, y of each landmark, in the class's order
};

struct Agreement {
    int objects = 0;  // of both that score at least score_floor, among the best top_k of each
    int kept = 0;     // of these, those that the other side has too
};

// one, other: best first, before suppression; more than top_k, so that a partner just below is
// seen.
Agreement agree(const std::vector<Seen>& one, const std::vector<Seen>& other, const Schema& schema,
                std::size_t top_k);

}  // namespace deepmark
