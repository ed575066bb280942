// Choices of the decoder that rounding may turn over, as exporter/near_ties.py: is the distance
// between what was chosen and the next best smaller than what the two computations are known to
// differ by? Then both choices are right.
#pragma once

#include <cstddef>
#include <vector>

#include "heads.hpp"
#include "params.hpp"

namespace deepmark {

// How far two computations of each head differ: probabilities, or cells.
struct Slack {
    double hm = 0, wh = 0, hps = 0, reg = 0, hm_hp = 0, hp_offset = 0;
};

// Whether the side that lacks an object has as many others as a decoder may give, none of them
// weaker than it by the slack. others: their centre scores; score: that of the object.
bool is_crowded_out(const std::vector<double>& others, double score, std::size_t limit,
                    const Slack& slack);

class NearTies {
public:
    // hm, hm_hp: probabilities; hm_hp may be empty. All are borrowed.
    NearTies(const Map& hm, const Map& hm_hp, Regressions& others, const DecoderParams& params)
        : hm_(hm), hm_hp_(hm_hp), others_(others), params_(params) {}

    // Whether this cell is, or fails to be, a local maximum of hm by no more than the slack. score:
    // of the centre that one side found there; the map must agree with it, too.
    bool centre(int class_id, int cell, double score, const Slack& slack) const;

    // Whether technique 4 chose this landmark's place by no more than the slack: the cell that the
    // mask stands on, the maximum under it, the threshold, the gate at the object's box. Without
    // the mask or hm_hp nothing is a tie.
    bool landmark(int group, int cell, const Slack& slack) const;

private:
    bool at_the_gate(int cell, int peak, const float size[2], const float centre[2],
                     const Slack& slack) const;

    Map hm_, hm_hp_;
    Regressions& others_;
    DecoderParams params_;
};

}  // namespace deepmark
