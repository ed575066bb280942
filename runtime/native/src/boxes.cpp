#include "boxes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "shared_numbers.hpp"

namespace deepmark {

double iou(const Box& one, const Box& other, double rim) {
    const auto area = [&](const Box& box) {
        return (box[2] - box[0] + rim) * (box[3] - box[1] + rim);
    };
    const double width = std::min(one[2], other[2]) - std::max(one[0], other[0]) + rim;
    const double height = std::min(one[3], other[3]) - std::max(one[1], other[1]) + rim;
    const double shared = std::max(width, 0.0) * std::max(height, 0.0);
    return shared / std::max(area(one) + area(other) - shared, least_extent);
}

double oks(const std::vector<double>& keypoints, const std::vector<double>& others, const Box& box,
           const std::vector<double>& sigmas) {
    if (sigmas.empty()) return 1;  // boxes only: nothing differs
    const double area =
        std::max(box[2] - box[0], least_extent) * std::max(box[3] - box[1], least_extent);
    double sum = 0;
    for (std::size_t p = 0; p < sigmas.size(); ++p) {
        const double dx = keypoints[2 * p] - others[2 * p];
        const double dy = keypoints[2 * p + 1] - others[2 * p + 1];
        sum += std::exp(-(dx * dx + dy * dy) / (2 * area * 4 * sigmas[p] * sigmas[p]));
    }
    return sum / double(sigmas.size());
}

}  // namespace deepmark
