// Heads to detections: CenterNet's decoding with the four techniques of the paper (section 3.2), the same steps, the
// same float32 arithmetic and the same choice among equals as runtime/decoding.
#pragma once

#include <memory>
#include <string>

#include "deepmark/deepmark.hpp"
#include "heads.hpp"
#include "params.hpp"

namespace deepmark {

class Decoder {
public:
    Decoder(Schema schema, DecoderParams params);
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    // hm: (classes, H, W) probabilities.  hm_hp: (groups, H, W) probabilities, or empty: all landmarks stay coarse.
    // found: at most top_k objects, best first, in cells, not suppressed.  False, with one sentence in `error`, where the
    // heads do not fit the schema or hold what no network gives. Memory is kept from call to call.
    bool decode(const Map& hm, const Map& hm_hp, Regressions& others, Detections& found, std::string& error);

    const Schema& schema() const;
    const DecoderParams& params() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace deepmark
