// One golden vector of a bundle: a network input, run here, and held against what the network gave.
//
// In fp32 every value must agree; where an object or a landmark does not, the maps must show that
// the decoder chose between things that lie closer together than the heads differ (near_ties.hpp).
#pragma once

#include "agreement.hpp"
#include "near_ties.hpp"
#include "pipeline.hpp"

namespace deepmark {

struct Comparison {
    bool equal = true;  // by the rule for fp32: heads and objects
    bool heads_equal = true;
    Agreement agreement;  // what both see, for arithmetic of another precision
    Slack slack;
    std::string heads, objects;  // members of a JSON object, and a JSON object
};

// number: vectors/NUMBER.png and .json.
// decoder: with more than the bundle's top_k, no floor and no suppression.
// rtol: how far a head may differ, of its largest value, beyond parity_atol.
// False, with one sentence in `error`, where the vector cannot be read or run.
bool compare_vector(Pipeline& pipeline, Decoder& decoder, const std::string& number, double rtol,
                    Comparison& result, std::string& error);

}  // namespace deepmark
