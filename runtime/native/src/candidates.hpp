// The few cells of the landmark heatmap that a landmark can come from, as
// runtime/decoding/candidates.py.
#pragma once

#include <vector>

#include "heads.hpp"
#include "params.hpp"

namespace deepmark {

struct Candidate {
    int cell, x, y;
    float value;  // after technique 2
};

class Candidates {
public:
    std::vector<Candidate> cells;  // by group, then by cell
    float floor = 0;               // a landmark's final value must be above it
    float highest = 0;             // of all values

    // List the cells of the groups with used[group] != 0 that may become landmarks: all above the
    // threshold, or without technique 4 the params.top_k highest local maxima of each group, of
    // equal ones the first (CenterNet).
    void find(const Map& heatmap, const std::vector<char>& used, const DecoderParams& params);

    // Position of the first candidate at or after a row, 0 to height inclusive, of a group.
    int start(int group, int row) const {
        return row_starts_[std::size_t(group) * std::size_t(height_) + std::size_t(row)];
    }
    int height() const { return height_; }

private:
    void find_in(const float* map, int width, const DecoderParams& params, float threshold,
                 std::size_t first_row);
    void mark_near(int width, float limit, bool neighbours);
    void keep_highest(std::size_t first, std::size_t count);

    int height_ = 0;
    std::vector<int> row_starts_;
    std::vector<float> padded_, listed_;
    std::vector<unsigned char> above_, spread_, near_;
    std::vector<int> near_cells_;
    std::vector<float> values_;
    std::vector<Candidate> ranked_;
};

}  // namespace deepmark
