#include "decoder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

// The float32 numbers between two doubles: a comparison of floats then says what one of doubles
// would.
struct Range {
    float low, high;
    static Range of(double low, double high) {
        const float infinity = std::numeric_limits<float>::infinity();
        Range range{float(low), float(high)};
        if (double(range.low) < low) range.low = std::nextafter(range.low, infinity);
        if (double(range.high) > high) range.high = std::nextafter(range.high, -infinity);
        return range;
    }
};

bool require_probabilities(const Map& map, const char* name, std::string& error) {
    const Range range = Range::of(-probability_slack, 1 + probability_slack);
    const std::size_t count = map.cells() * std::size_t(map.channels);
    int outside = 0;
    for (std::size_t i = 0; i < count; ++i)
        outside |= !(map.values[i] >= range.low) | !(map.values[i] <= range.high);
    if (!outside) return true;
    float low = map.values[0], high = low;
    for (std::size_t i = 0; i < count; ++i) {
        const float value = map.values[i];
        if (std::isnan(value)) low = high = value;
        if (value < low) low = value;
        if (value > high) high = value;
    }
    error = std::string("head '") + name +
            "' must hold probabilities from 0 to 1, found values from " + four_digits(double(low)) +
            " to " + four_digits(double(high));
    return false;
}

// Whether an object can reach the score floor if all its landmarks are perfect.
bool can_reach(float score, const DecoderParams& params) {
    const double best = params.alpha * double(score) + (1 - params.alpha) * (1 + probability_slack);
    return best + probability_slack >= params.score_threshold;
}

}  // namespace

bool Decoder::decode(const Map& hm, const Map& hm_hp, Regressions& others, Detections& found,
                     std::string& error) {
    if (!require_fit(hm, hm_hp, others, error)) return false;
    if (!require_probabilities(hm, "hm", error)) return false;
    if (hm_hp && !require_probabilities(hm_hp, "hm_hp", error)) return false;
    centres_.find(hm, params_);
    auto& list = centres_.list;
    const auto cannot = [&](const Centre& one) { return !can_reach(one.score, params_); };
    list.erase(std::remove_if(list.begin(), list.end(), cannot), list.end());
    pairs_.list(schema_, centres_.list);
    if (!read_regressions(hm.width, others, error)) return false;
    if (!landmarks_.refine(pairs_, regressed_, hm_hp, others, params_, error)) return false;
    mean_values();
    rescore(bool(hm_hp));
    collect(found);
    return true;
}

bool Decoder::require_fit(const Map& hm, const Map& hm_hp, const Regressions& others,
                          std::string& error) const {
    const auto classes = int(schema_.groups.size());
    if (hm.channels != classes || others.groups() != schema_.num_groups) {
        error = "the heads have " + std::to_string(hm.channels) + " classes and " +
                std::to_string(others.groups()) + " keypoint groups, but the schema has " +
                std::to_string(classes) + " and " + std::to_string(schema_.num_groups);
        return false;
    }
    if (hm_hp && (hm_hp.channels != schema_.num_groups || hm_hp.height != hm.height ||
                  hm_hp.width != hm.width)) {
        error = "head 'hm_hp' does not fit head 'hm'";
        return false;
    }
    return true;
}

bool Decoder::read_regressions(int width, Regressions& others, std::string& error) {
    const std::size_t count = centres_.list.size(), pairs = pairs_.size();
    auto& sizes = regressed_.sizes;
    cells_.clear();
    for (const Centre& one : centres_.list) cells_.push_back(one.cell);
    sizes.resize(2 * count);
    offsets_.assign(2 * count, float(cell_centre));
    displacements_.resize(2 * pairs);
    others.at_centres(cells_, pairs_.owner, pairs_.group, sizes.data(), offsets_.data(),
                      displacements_.data());
    if (!require_cells(sizes, "wh", error) || !require_cells(offsets_, "reg", error) ||
        !require_cells(displacements_, "hps", error))
        return false;
    for (float& size : sizes) size = std::max(size, 0.0f);
    boxes_at(centres_.list, width, sizes, offsets_, regressed_.boxes);
    auto& coarse = regressed_.coarse;
    coarse.resize(2 * pairs);
    for (std::size_t p = 0; p < pairs; ++p) {
        const int cell = cells_[std::size_t(pairs_.owner[p])], x = cell % width, y = cell / width;
        coarse[p] = float(x) + displacements_[p];
        coarse[pairs + p] = float(y) + displacements_[pairs + p];
    }
    return true;
}

// Score_kps of Eq. (1), in float64.
void Decoder::mean_values() {
    const std::size_t count = centres_.list.size();
    means_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto begin = std::size_t(pairs_.bounds[i]), end = std::size_t(pairs_.bounds[i + 1]);
        double total = 0, counted = 0;
        for (std::size_t p = begin; p < end; ++p) {
            total += double(landmarks_.values[p]);
            counted += landmarks_.refined[p];
        }
        means_[i] = total / std::max(params_.skip_unrefined ? counted : double(end - begin), 1.0);
    }
}

// Technique 1, Eq. (1): centre and landmark scores combined, in float64.
void Decoder::rescore(bool has_landmarks) {
    const auto& list = centres_.list;
    scores_.resize(list.size());
    for (std::size_t i = 0; i < list.size(); ++i)
        scores_[i] =
            has_landmarks
                ? float(params_.alpha * double(list[i].score) + (1 - params_.alpha) * means_[i])
                : list[i].score;
}

// Sort the objects by score, and leave out those below the floor.
void Decoder::collect(Detections& found) {
    const std::size_t count = centres_.list.size(), pairs = pairs_.size();
    order_.clear();
    for (std::size_t i = 0; i < count; ++i)
        if (scores_[i] >= float(params_.score_threshold)) order_.push_back(int(i));
    // Equals keep their order.
    std::sort(order_.begin(), order_.end(), [&](int a, int b) {
        const float first = scores_[std::size_t(a)], second = scores_[std::size_t(b)];
        return first != second ? first > second : a < b;
    });
    std::size_t points = 0;
    for (int i : order_)
        points += std::size_t(pairs_.bounds[std::size_t(i) + 1] - pairs_.bounds[std::size_t(i)]);
    found.objects.resize(order_.size());
    found.landmarks.resize(points);
    Landmark* to = found.landmarks.data();
    for (std::size_t rank = 0; rank < order_.size(); ++rank) {
        const auto i = std::size_t(order_[rank]);
        const auto begin = std::size_t(pairs_.bounds[i]), end = std::size_t(pairs_.bounds[i + 1]);
        Object& object = found.objects[rank];
        object.class_id = centres_.list[i].class_id;
        object.score = scores_[i];
        object.box_score = centres_.list[i].score;
        object.keypoints_score = float(means_[i]);
        for (std::size_t side = 0; side < 4; ++side)
            object.box[side] = regressed_.boxes[side * count + i];
        object.cell = centres_.list[i].cell;
        object.first = int(to - found.landmarks.data());
        object.count = int(end - begin);
        for (std::size_t p = begin; p < end; ++p)
            *to++ = {landmarks_.positions[p], landmarks_.positions[pairs + p], landmarks_.values[p],
                     landmarks_.refined[p] != 0};
    }
}

}  // namespace deepmark
