// The paper's four techniques, switched by their numbers (section 3.2). In a set of them bit 0 is
// technique 1.
#pragma once

#include "params.hpp"

namespace deepmark {

constexpr unsigned all_techniques = 0b1111;
constexpr unsigned blur_alone = 0b0010;  // the others read the heatmap of landmarks

// "all", "none", or numbers such as "1,2,4". False: `text` is none of these.
bool read_techniques(const std::string& text, unsigned& chosen);

// The same way back.
std::string techniques_in_words(unsigned chosen);

// Those that are on.
unsigned techniques_of(const DecoderParams& params);

// Those that are not chosen are off, as in CenterNet; those that are keep their parameters, or have
// the paper's where they were off.
DecoderParams with_techniques(DecoderParams params, unsigned chosen);

}  // namespace deepmark
