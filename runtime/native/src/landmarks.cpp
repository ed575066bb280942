#include "landmarks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

constexpr float surely = 0.9999f;  // what is below a bound by more than all rounding

}  // namespace

void Pairs::list(const Schema& schema, const std::vector<Centre>& centres) {
    owner.clear();
    group.clear();
    bounds.assign(1, 0);
    for (std::size_t i = 0; i < centres.size(); ++i) {
        const auto& groups = schema.groups[std::size_t(centres[i].class_id)];
        owner.insert(owner.end(), groups.size(), int(i));
        group.insert(group.end(), groups.begin(), groups.end());
        bounds.push_back(int(owner.size()));
    }
}

bool Landmarks::refine(const Pairs& pairs, const Regressed& regressed, const Map& hm_hp,
                       Regressions& others, const DecoderParams& params, std::string& error) {
    const std::size_t all = pairs.size();
    const auto &coarse = regressed.coarse, &boxes = regressed.boxes;
    positions = coarse;
    values.assign(all, 0.0f);
    refined.assign(all, 0);
    if (!hm_hp || !all) return true;
    used_.assign(std::size_t(hm_hp.channels), 0);
    for (int one : pairs.group) used_[std::size_t(one)] = 1;
    candidates_.find(hm_hp, used_, params);
    if (candidates_.cells.empty()) return true;
    found_.clear();
    asked_.clear();
    if (params.mask) {
        highest_under_mask(pairs, regressed);
        for (const Found& one : found_) asked_.push_back(one.candidate);
        if (!read_positions(others, error)) return false;
    } else {
        asked_.resize(candidates_.cells.size());
        std::iota(asked_.begin(), asked_.end(), 0);
        if (!read_positions(others, error)) return false;
        nearest_peak(pairs, regressed);
    }
    const auto gamma = float(params.gamma), rest = 1 - gamma;
    const std::size_t count = regressed.sizes.size() / 2, asked = asked_.size();
    for (std::size_t i = 0; i < found_.size(); ++i) {
        const Found& one = found_[i];
        const auto pair = std::size_t(one.pair), object = std::size_t(pairs.owner[pair]);
        const std::size_t at = params.mask ? i : std::size_t(one.candidate);
        const float x = asked_xy_[at], y = asked_xy_[asked + at];
        if (!(x >= boxes[object] && y >= boxes[count + object] && x <= boxes[2 * count + object] &&
              y <= boxes[3 * count + object]))
            continue;
        positions[pair] = gamma * x + rest * coarse[pair];  // Eq. (3)
        positions[all + pair] = gamma * y + rest * coarse[all + pair];
        values[pair] = one.value;
        refined[pair] = 1;
    }
    return true;
}

// Technique 4, Eq. (4): the maximum of the heatmap times a Gaussian around the coarse cell. No
// product beyond `reach` can be above the floor: rows farther away are not looked at.
void Landmarks::highest_under_mask(const Pairs& pairs, const Regressed& regressed) {
    const auto &sizes = regressed.sizes, &coarse = regressed.coarse;
    const std::size_t count = sizes.size() / 2, all = pairs.size();
    const double room = std::log(double(candidates_.highest / candidates_.floor));
    const auto deviations = float(std::sqrt(std::max(2 * (room + log_rounding), 0.0)));
    const auto last = float(candidates_.height());
    for (std::size_t object = 0; object < count; ++object) {
        const float sigma =
            std::max(std::min(sizes[object], sizes[count + object]) / float(mask_divisor),
                     float(smallest_sigma));
        const float reach = sigma * deviations, spread = -2 * sigma * sigma;
        const float steepness = -1 / spread;
        for (auto p = std::size_t(pairs.bounds[object]); p < std::size_t(pairs.bounds[object + 1]);
             ++p) {
            const float x = std::floor(coarse[p]), y = std::floor(coarse[all + p]);
            const int top = int(std::clamp(std::ceil(y - reach), 0.0f, last));
            const int bottom = int(std::clamp(std::floor(y + reach) + 1, 0.0f, last));
            float highest = candidates_.floor;
            int best = -1;
            const int end = candidates_.start(pairs.group[p], bottom);
            for (int i = candidates_.start(pairs.group[p], top); i < end; ++i) {
                const Candidate& one = candidates_.cells[std::size_t(i)];
                const float dx = float(one.x) - x, dy = float(one.y) - y;
                // Of integers: cells at one distance tie exactly.
                const float squared = dx * dx + dy * dy;
                const float t = squared * steepness;
                // e^t is at least that much.
                if (one.value < highest * (1 + t + t * t / 2) * surely) continue;
                const float value = one.value * std::exp(squared / spread);
                if (value > highest) {
                    highest = value;
                    best = i;
                }
            }
            if (best >= 0) found_.push_back({int(p), best, highest});
        }
    }
}

// CenterNet's choice: the local maximum nearest to the coarse position, unless it is too far for
// the box.
void Landmarks::nearest_peak(const Pairs& pairs, const Regressed& regressed) {
    const auto &sizes = regressed.sizes, &coarse = regressed.coarse;
    const std::size_t count = sizes.size() / 2, all = pairs.size(), asked = asked_.size();
    for (std::size_t p = 0; p < all; ++p) {
        const int end = candidates_.start(pairs.group[p], candidates_.height());
        float nearest = 0;
        int best = -1;
        for (int i = candidates_.start(pairs.group[p], 0); i < end; ++i) {
            const float dx = asked_xy_[std::size_t(i)] - coarse[p];
            const float dy = asked_xy_[asked + std::size_t(i)] - coarse[all + p];
            const float squared = dx * dx + dy * dy;
            if (best >= 0 && !(squared < nearest)) continue;
            nearest = squared;
            best = i;
        }
        const auto object = std::size_t(pairs.owner[p]);
        const float limit = float(nearest_limit) * std::max(sizes[object], sizes[count + object]);
        if (best >= 0 && std::sqrt(nearest) <= limit)
            found_.push_back({int(p), best, candidates_.cells[std::size_t(best)].value});
    }
}

// Positions of the asked candidates: their cells, and where in them.
bool Landmarks::read_positions(Regressions& others, std::string& error) {
    const std::size_t asked = asked_.size();
    cells_.clear();
    for (int one : asked_) cells_.push_back(candidates_.cells[std::size_t(one)].cell);
    asked_xy_.assign(2 * asked, float(cell_centre));
    if (others.has_landmark_offsets()) {
        others.at_landmarks(cells_, asked_xy_.data());
        if (!require_cells(asked_xy_, "hp_offset", error)) return false;
    }
    for (std::size_t i = 0; i < asked; ++i) {
        const Candidate& one = candidates_.cells[std::size_t(asked_[i])];
        asked_xy_[i] += float(one.x);
        asked_xy_[asked + i] += float(one.y);
    }
    return true;
}

}  // namespace deepmark
