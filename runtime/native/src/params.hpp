// The decoder's parameters and the table of landmarks, as in runtime/decoding/params.py and runtime/keypoints/schema.py.
#pragma once

#include <string>
#include <vector>

namespace deepmark {

enum class Nms { none, soft, hard };

// The defaults are the paper's published DeepFashion2 set (section 4.2).
struct DecoderParams {
    double alpha = 0.8;           // weight of the centre score, Eq. (1), in [0, 1]
    double sigma_center = 0.45;   // of the Gaussian on hm, Eq. (2), in cells; 0: none
    double sigma_keypoint = 0.9;  // likewise on hm_hp
    double gamma = 0.75;          // weight of the refined position, Eq. (3), in [0, 1]
    bool mask = true;             // technique 4, Eq. (4); otherwise the nearest peak
    int top_k = 100;              // centre peaks that are decoded, >= 1
    double keypoint_threshold = 0.1;  // in (0, 1)
    Nms nms = Nms::none;
    double score_threshold = 0;       // in [0, 1]
    bool border_replicate = false;    // how Eq. (2) reads beyond the map: zeros, or the nearest cell
    bool threshold_on_raw = false;    // keypoint_threshold is held against the network's value, not the rescored one
    bool skip_unrefined = false;      // landmarks without a peak do not count in the mean of Eq. (1)
    double nms_iou = 0.5, nms_sigma = 0.5, nms_score = 0.001;

    // True where every value lies in its range; otherwise `error` names the first that does not.
    bool check(std::string& error) const;
};

struct Schema {
    std::vector<std::string> class_names;
    std::vector<std::vector<int>> groups;  // of each class: the heatmap channel of each of its landmarks
    std::vector<std::vector<double>> sigmas;  // of each class: the OKS sigma of each of its landmarks
    int num_groups = 0;
};

}  // namespace deepmark
