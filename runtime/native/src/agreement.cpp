#include "agreement.hpp"

#include <algorithm>
#include <cmath>

namespace deepmark {

namespace {

constexpr double same = 0.75, score_floor = 0.1, smallest = 1e-6;

// Object keypoint similarity as COCO defines it; the area is the box's.
double oks(const Seen& one, const Seen& other, const std::vector<double>& sigmas) {
    const double area = std::max(one.box[2] - one.box[0], smallest) * std::max(one.box[3] - one.box[1], smallest);
    double sum = 0;
    for (std::size_t p = 0; p < sigmas.size(); ++p) {
        const double dx = one.keypoints[2 * p] - other.keypoints[2 * p];
        const double dy = one.keypoints[2 * p + 1] - other.keypoints[2 * p + 1];
        sum += std::exp(-(dx * dx + dy * dy) / (2 * area * 4 * sigmas[p] * sigmas[p]));
    }
    return sum / double(sigmas.size());
}

double iou(const Seen& one, const Seen& other) {
    const double width = std::min(one.box[2], other.box[2]) - std::max(one.box[0], other.box[0]);
    const double height = std::min(one.box[3], other.box[3]) - std::max(one.box[1], other.box[1]);
    const double shared = std::max(width, 0.0) * std::max(height, 0.0);
    const auto area = [](const Seen& seen) { return (seen.box[2] - seen.box[0]) * (seen.box[3] - seen.box[1]); };
    return shared / std::max(area(one) + area(other) - shared, smallest);
}

bool has_partner(const Seen& one, const std::vector<Seen>& others, const Schema& schema) {
    const auto& sigmas = schema.sigmas[std::size_t(one.class_id)];
    return std::any_of(others.begin(), others.end(), [&](const Seen& other) {
        return other.class_id == one.class_id && iou(one, other) >= same && oks(one, other, sigmas) >= same;
    });
}

void count(const std::vector<Seen>& one, const std::vector<Seen>& others, const Schema& schema, std::size_t top_k,
           Agreement& found) {
    for (std::size_t i = 0; i < std::min(one.size(), top_k); ++i) {
        if (one[i].score < score_floor) continue;
        ++found.objects;
        if (has_partner(one[i], others, schema)) ++found.kept;
    }
}

}  // namespace

Agreement agree(const std::vector<Seen>& one, const std::vector<Seen>& other, const Schema& schema, std::size_t top_k) {
    Agreement found;
    count(one, other, schema, top_k, found);
    count(other, one, schema, top_k, found);
    return found;
}

}  // namespace deepmark
