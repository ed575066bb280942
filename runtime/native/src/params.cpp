#include "params.hpp"

#include <cmath>

namespace deepmark {

bool DecoderParams::check(std::string& error) const {
    const auto within = [&](const char* name, bool holds, const char* expected, double found) {
        if (!holds && error.empty())
            error = std::string("decoder parameter ") + name + " must be " + expected + ", found " +
                    std::to_string(found);
    };
    error.clear();
    within("alpha", alpha >= 0 && alpha <= 1, "in [0, 1]", alpha);
    within("gamma", gamma >= 0 && gamma <= 1, "in [0, 1]", gamma);
    within("sigma_center", sigma_center >= 0 && std::isfinite(sigma_center), "finite and >= 0",
           sigma_center);
    within("sigma_keypoint", sigma_keypoint >= 0 && std::isfinite(sigma_keypoint),
           "finite and >= 0", sigma_keypoint);
    within("top_k", top_k >= 1, ">= 1", top_k);
    within("keypoint_threshold", keypoint_threshold > 0 && keypoint_threshold < 1, "in (0, 1)",
           keypoint_threshold);
    within("score_threshold", score_threshold >= 0 && score_threshold <= 1, "in [0, 1]",
           score_threshold);
    within("nms_iou", nms_iou > 0 && nms_iou <= 1, "in (0, 1]", nms_iou);
    within("nms_sigma", nms_sigma > 0 && std::isfinite(nms_sigma), "finite and > 0", nms_sigma);
    within("nms_score", nms_score >= 0 && nms_score <= 1, "in [0, 1]", nms_score);
    return error.empty();
}

}  // namespace deepmark
