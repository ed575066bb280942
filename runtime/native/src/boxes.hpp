// How much two boxes, or two sets of landmarks, have in common: IoU and OKS, as runtime/boxes.py.
#pragma once

#include <array>
#include <vector>

namespace deepmark {

using Box = std::array<double, 4>;  // x1, y1, x2, y2

// Intersection over union. rim: added to every side; 1 where corners are pixels that belong to
// their box.
double iou(const Box& one, const Box& other, double rim);

// Object keypoint similarity of P landmarks as COCO defines it; the area is the box's.
// keypoints: (P, 2) x, y.  sigmas: (P,).
double oks(const std::vector<double>& keypoints, const std::vector<double>& others, const Box& box,
           const std::vector<double>& sigmas);

}  // namespace deepmark
