#include "nms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "boxes.hpp"

namespace deepmark {
namespace {

Box box_of(const Object& one) { return {one.box[0], one.box[1], one.box[2], one.box[3]}; }

}  // namespace

void Suppressor::suppress(Detections& detections, const DecoderParams& params) {
    auto& objects = detections.objects;
    if (params.nms == Nms::none || objects.empty()) return;
    const bool soft = params.nms == Nms::soft;
    const double floor = soft ? params.nms_score : std::numeric_limits<double>::infinity();
    const double gone = -std::numeric_limits<double>::infinity();
    left_.resize(objects.size());
    std::transform(objects.begin(), objects.end(), left_.begin(),
                   [](const Object& one) { return one.score; });
    has_rival_.assign(objects.size(), 0);
    kept_.clear();
    for (std::size_t turn = 0; turn < objects.size(); ++turn) {
        const auto best = std::size_t(std::max_element(left_.begin(), left_.end()) - left_.begin());
        const double score = left_[best];
        left_[best] = gone;
        if (score < floor && has_rival_[best]) continue;
        const Object& winner = objects[best];
        const Box box = box_of(winner);
        if (float(score) >= float(params.score_threshold)) {
            kept_.push_back(winner);
            kept_.back().score = float(score);
        }
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (objects[i].class_id != winner.class_id || left_[i] == gone) continue;
            const double overlap = iou(box, box_of(objects[i]), 1);
            if (overlap > (soft ? 0.0 : params.nms_iou)) has_rival_[i] = 1;
            if (soft)
                left_[i] *= std::max(std::exp(overlap * overlap / -params.nms_sigma),
                                     std::numeric_limits<double>::min());
        }
    }
    objects.assign(kept_.begin(), kept_.end());  // not moved: its room stays for the next frame
}

}  // namespace deepmark
