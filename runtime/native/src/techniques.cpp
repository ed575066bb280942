#include "techniques.hpp"

namespace deepmark {
namespace {

constexpr unsigned bit(int technique) { return 1U << unsigned(technique - 1); }

}  // namespace

bool read_techniques(const std::string& text, unsigned& chosen) {
    chosen = text == "all" ? all_techniques : 0;
    if (text == "all" || text == "none") return true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 2 ? text[i] != ',' || i + 1 == text.size() : text[i] < '1' || text[i] > '4')
            return false;
        if (i % 2 == 0) chosen |= bit(text[i] - '0');
    }
    return true;
}

std::string techniques_in_words(unsigned chosen) {
    if (chosen == all_techniques) return "all";
    std::string words;
    for (int technique = 1; technique <= 4; ++technique)
        if (chosen & bit(technique))
            words += (words.empty() ? "" : ",") + std::to_string(technique);
    return words.empty() ? "none" : words;
}

unsigned techniques_of(const DecoderParams& params) {
    return (params.alpha != 1 ? bit(1) : 0) |
           (params.sigma_center != 0 || params.sigma_keypoint != 0 ? bit(2) : 0) |
           (params.gamma != 1 ? bit(3) : 0) | (params.mask ? bit(4) : 0);
}

DecoderParams with_techniques(DecoderParams params, unsigned chosen) {
    const DecoderParams paper;
    const unsigned off = ~techniques_of(params);
    if (!(chosen & bit(1)))
        params.alpha = 1;
    else if (off & bit(1))
        params.alpha = paper.alpha;
    if (!(chosen & bit(2)))
        params.sigma_center = params.sigma_keypoint = 0;
    else if (off & bit(2)) {
        params.sigma_center = paper.sigma_center;
        params.sigma_keypoint = paper.sigma_keypoint;
    }
    if (!(chosen & bit(3)))
        params.gamma = 1;
    else if (off & bit(3))
        params.gamma = paper.gamma;
    params.mask = chosen & bit(4);
    return params;
}

}  // namespace deepmark
