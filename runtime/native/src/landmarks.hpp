// From coarse to final landmarks, as runtime/decoding/landmarks.py: the search in the landmark
// heatmap, its gates, and techniques 3 and 4. Points are (2, n): n times x, then n times y.
#pragma once

#include <string>
#include <vector>

#include "candidates.hpp"
#include "peaks.hpp"

namespace deepmark {

// Every landmark of every object, objects one after the other, landmarks in the class's order.
struct Pairs {
    std::vector<int> owner, group;  // (P,) object and heatmap channel of each
    std::vector<int> bounds;        // (N + 1,) pairs of object i: bounds[i] to bounds[i + 1]

    std::size_t size() const { return owner.size(); }
    void list(const Schema& schema, const std::vector<Centre>& centres);
};

// What the network says of N objects with P landmarks, in cells.
struct Regressed {
    std::vector<float> sizes;   // (2, N) width, height, not negative
    std::vector<float> boxes;   // (4, N) x1, y1, x2, y2
    std::vector<float> coarse;  // (2, P) positions
};

class Landmarks {
public:
    std::vector<float> positions;  // (2, P) final
    std::vector<float> values;     // (P,) of the heatmap, under technique 4 after the mask
    std::vector<char> refined;     // (P,) whether the position comes from the heatmap

    // Replace coarse positions by heatmap positions where the heatmap has one; hm_hp may be empty.
    bool refine(const Pairs& pairs, const Regressed& regressed, const Map& hm_hp,
                Regressions& others, const DecoderParams& params, std::string& error);

private:
    // The one candidate of a pair.
    struct Found {
        int pair, candidate;
        float value;
    };

    void highest_under_mask(const Pairs& pairs, const Regressed& regressed);
    void nearest_peak(const Pairs& pairs, const Regressed& regressed);
    bool read_positions(Regressions& others, std::string& error);

    std::vector<char> used_;
    Candidates candidates_;
    std::vector<Found> found_;
    std::vector<int> asked_;       // n candidates whose positions are wanted
    std::vector<int> cells_;       // (n,) their cells
    std::vector<float> asked_xy_;  // (2, n) their positions
};

}  // namespace deepmark
