#include "nms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deepmark {
namespace {

double iou(const float* a, const float* b) {
    const auto area = [](const float* box) {
        return (double(box[2]) - box[0] + 1) * (double(box[3]) - box[1] + 1);
    };
    const double width = std::min(double(a[2]), double(b[2])) - std::max(double(a[0]), double(b[0])) + 1;
    const double height = std::min(double(a[3]), double(b[3])) - std::max(double(a[1]), double(b[1])) + 1;
    const double shared = std::max(width, 0.0) * std::max(height, 0.0);
    return shared / (area(a) + area(b) - shared);
}

}  // namespace

void Suppressor::suppress(Detections& detections, const DecoderParams& params) {
    auto& objects = detections.objects;
    if (params.nms == Nms::none || objects.empty()) return;
    const bool soft = params.nms == Nms::soft;
    const double floor = soft ? params.nms_score : std::numeric_limits<double>::infinity();
    const double gone = -std::numeric_limits<double>::infinity();
    left_.resize(objects.size());
    std::transform(objects.begin(), objects.end(), left_.begin(), [](const Object& one) { return one.score; });
    has_rival_.assign(objects.size(), 0);
    kept_.clear();
    for (std::size_t turn = 0; turn < objects.size(); ++turn) {
        const auto best = std::size_t(std::max_element(left_.begin(), left_.end()) - left_.begin());
        const double score = left_[best];
        left_[best] = gone;
        if (score < floor && has_rival_[best]) continue;
        const Object& winner = objects[best];
        if (float(score) >= float(params.score_threshold)) {
            kept_.push_back(winner);
            kept_.back().score = float(score);
        }
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (objects[i].class_id != winner.class_id || left_[i] == gone) continue;
            const double overlap = iou(winner.box, objects[i].box);
            if (overlap > (soft ? 0.0 : params.nms_iou)) has_rival_[i] = 1;
            if (soft)
                left_[i] *= std::max(std::exp(overlap * overlap / -params.nms_sigma),
                                    std::numeric_limits<double>::min());
        }
    }
    objects.assign(kept_.begin(), kept_.end());  // not moved: its room stays for the next frame
}

}  // namespace deepmark
