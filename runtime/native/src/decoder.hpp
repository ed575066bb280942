// Heads to detections: CenterNet's decoding with the four techniques of the paper (section 3.2),
// the same steps, the same float32 arithmetic and the same choice among equals as runtime/decoding.
#pragma once

#include <string>
#include <utility>

#include "deepmark/deepmark.hpp"
#include "landmarks.hpp"

namespace deepmark {

class Decoder {
public:
    Decoder(Schema schema, const DecoderParams& params)
        : schema_(std::move(schema)), params_(params) {}

    // hm: (classes, H, W) probabilities.
    // hm_hp: (groups, H, W) probabilities, or empty: all landmarks stay coarse.
    // found: at most top_k objects, best first, in cells, not suppressed.
    // False, with one sentence in `error`, where the heads do not fit the schema or hold what no
    // network gives. Memory is kept from call to call.
    bool decode(const Map& hm, const Map& hm_hp, Regressions& others, Detections& found,
                std::string& error);

    const DecoderParams& params() const { return params_; }

private:
    bool require_fit(const Map& hm, const Map& hm_hp, const Regressions& others,
                     std::string& error) const;
    bool read_regressions(int width, Regressions& others, std::string& error);
    void mean_values();
    void rescore(bool has_landmarks);
    void collect(Detections& found);

    Schema schema_;
    DecoderParams params_;
    Centres centres_;
    Pairs pairs_;
    Regressed regressed_;
    Landmarks landmarks_;
    std::vector<int> cells_;                      // (N,)
    std::vector<float> offsets_, displacements_;  // (2, N), (2, P)
    std::vector<double> means_;                   // (N,) Score_kps of Eq. (1)
    std::vector<float> scores_;                   // (N,)
    std::vector<int> order_;
};

}  // namespace deepmark
