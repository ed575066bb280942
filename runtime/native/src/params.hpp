// The decoder's parameters and the table of landmarks, as in runtime/decoding/params.py and
// runtime/keypoints/schema.py.
#pragma once

#include <string>
#include <vector>

#include "shared_numbers.hpp"

namespace deepmark {

enum class Nms { none, soft, hard };

// The defaults are the paper's published DeepFashion2 set (section 4.2).
struct DecoderParams {
    double alpha = default_alpha;                // weight of the centre score, Eq. (1), in [0, 1]
    double sigma_center = default_sigma_center;  // Gaussian on hm, Eq. (2), in cells; 0: none
    double sigma_keypoint = default_sigma_keypoint;  // Gaussian on hm_hp, in cells; 0: none
    double gamma = default_gamma;  // weight of the refined position, Eq. (3), in [0, 1]
    bool mask = true;              // technique 4, Eq. (4); otherwise the nearest peak
    int top_k = default_top_k;     // centre peaks that are decoded, >= 1
    double keypoint_threshold = default_keypoint_threshold;  // in (0, 1)
    Nms nms = Nms::none;
    double score_threshold = default_score_threshold;  // in [0, 1]
    bool border_replicate = false;  // Eq. (2) reads the nearest cell beyond the map, not zeros
    bool threshold_on_raw = false;  // keypoint_threshold is for the network's own value
    bool skip_unrefined = false;    // landmarks without a peak do not count in the mean of Eq. (1)
    double nms_iou = default_nms_iou;
    double nms_sigma = default_nms_sigma;
    double nms_score = default_nms_score;

    // True where every value lies in its range; otherwise `error` names the first that does not.
    bool check(std::string& error) const;
};

struct Schema {
    std::vector<std::string> class_names;
    // Heatmap channel and OKS sigma of each landmark of each class; boxes only: of none.
    std::vector<std::vector<int>> groups;
    std::vector<std::vector<double>> sigmas;
    std::vector<int> mirror_groups;  // channel that each becomes in a mirrored picture
    int num_groups = 0;
};

}  // namespace deepmark
