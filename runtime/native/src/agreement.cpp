#include "agreement.hpp"

#include <algorithm>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

bool has_partner(const Seen& one, const std::vector<Seen>& others, const Schema& schema) {
    const auto& sigmas = schema.sigmas[std::size_t(one.class_id)];
    return std::any_of(others.begin(), others.end(), [&](const Seen& other) {
        return other.class_id == one.class_id && iou(one.box, other.box, 0) >= same_object &&
               oks(one.keypoints, other.keypoints, one.box, sigmas) >= same_object;
    });
}

void count(const std::vector<Seen>& side, const std::vector<Seen>& across, const Schema& schema,
           std::size_t top_k, Agreement& found) {
    for (std::size_t i = 0; i < std::min(side.size(), top_k); ++i) {
        if (side[i].score < score_floor) continue;
        ++found.objects;
        if (has_partner(side[i], across, schema)) ++found.kept;
    }
}

}  // namespace

Agreement agree(const std::vector<Seen>& one, const std::vector<Seen>& other, const Schema& schema,
                std::size_t top_k) {
    Agreement found;
    count(one, other, schema, top_k, found);
    count(other, one, schema, top_k, found);
    return found;
}

}  // namespace deepmark
