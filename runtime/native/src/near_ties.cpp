#include "near_ties.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "padded.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

// Technique 2 on one channel, in a border of one cell that no cell is below: (H + 2, W + 2).
std::vector<float> blurred(const Map& map, int channel, double sigma, bool replicate) {
    const std::ptrdiff_t row = map.width + 2;
    const auto size = std::size_t(map.height + 2) * std::size_t(row);
    std::vector<float> padded(size), out(size, -std::numeric_limits<float>::infinity());
    pad(map.channel(channel), map.height, map.width, replicate && sigma > 0, padded.data());
    if (sigma > 0) {
        blur(padded.data(), map.height, map.width, Kernel::of(sigma), out.data());
        return out;
    }
    for (int y = 1; y <= map.height; ++y)
        std::copy_n(padded.data() + y * row + 1, map.width, out.data() + y * row + 1);
    return out;
}

}  // namespace

bool is_crowded_out(const std::vector<double>& others, double score, std::size_t limit,
                    const Slack& slack) {
    return others.size() >= limit &&
           *std::min_element(others.begin(), others.end()) >= score - slack.hm;
}

bool NearTies::centre(int class_id, int cell, double score, const Slack& slack) const {
    const std::vector<float> map =
        blurred(hm_, class_id, params_.sigma_center, params_.border_replicate);
    const std::ptrdiff_t row = hm_.width + 2;
    const float* own = map.data() + (cell / hm_.width + 1) * row + cell % hm_.width + 1;
    float highest = -std::numeric_limits<float>::infinity();
    for (std::ptrdiff_t dy = -row; dy <= row; dy += row)
        for (std::ptrdiff_t dx = -1; dx <= 1; ++dx)
            if (dy || dx) highest = std::max(highest, own[dy + dx]);
    // Own and the neighbour may both move.
    return std::fabs(double(*own) - score) <= slack.hm &&
           std::fabs(double(*own) - double(highest)) <= 2 * slack.hm;
}

bool NearTies::landmark(int group, int cell, const Slack& slack) const {
    if (!hm_hp_ || !params_.mask) return false;
    float size[2], centre[2] = {float(cell_centre), float(cell_centre)}, displacement[2];
    others_.at_centres({cell}, {0}, {group}, size, centre, displacement);
    const int at[2] = {cell % hm_.width, cell / hm_.width};
    double stands[2];
    for (int axis = 0; axis < 2; ++axis) {
        const double coarse = double(displacement[axis]) + at[axis];
        if (std::fabs(coarse - std::nearbyint(coarse)) <= slack.hps)
            return true;  // one cell or the next
        stands[axis] = std::floor(coarse);
    }
    const double sigma =
        std::max(std::max(double(std::min(size[0], size[1])), 0.0) / mask_divisor, smallest_sigma);
    const std::vector<float> map =
        blurred(hm_hp_, group, params_.sigma_keypoint, params_.border_replicate);
    double best = -1, second = -1;
    int peak = 0;
    for (int y = 0; y < hm_hp_.height; ++y)
        for (int x = 0; x < hm_hp_.width; ++x) {
            const double dx = x - stands[0], dy = y - stands[1];
            const float value =
                map[std::size_t(y + 1) * std::size_t(hm_hp_.width + 2) + std::size_t(x + 1)];
            const double masked =
                double(value) * std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
            if (masked > best) {
                second = best;
                best = masked;
                peak = y * hm_hp_.width + x;
            } else {
                second = std::max(second, masked);
            }
        }
    // How far masked values may move: with hm_hp, and with sigma, which wh decides; the derivative
    // of the mask by sigma is at most 2 / (e sigma).
    const double value_slack = slack.hm_hp + 2 / (std::exp(1.0) * sigma) * slack.wh / mask_divisor;
    if (best + value_slack < params_.keypoint_threshold)
        return false;  // nothing was chosen: the coarse position moved
    if (best - second <= 2 * value_slack) return true;
    const double judged = params_.threshold_on_raw ? double(hm_hp_.channel(group)[peak]) : best;
    if (std::fabs(judged - params_.keypoint_threshold) <= value_slack) return true;
    return at_the_gate(cell, peak, size, centre, slack);
}

bool NearTies::at_the_gate(int cell, int peak, const float size[2], const float centre[2],
                           const Slack& slack) const {
    float offset[2] = {float(cell_centre), float(cell_centre)};
    if (others_.has_landmark_offsets()) others_.at_landmarks({peak}, offset);
    const int at[2] = {cell % hm_.width, cell / hm_.width},
              landed[2] = {peak % hm_.width, peak / hm_.width};
    const double allowed = slack.hp_offset + slack.reg + slack.wh / 2;
    for (int axis = 0; axis < 2; ++axis) {
        const double from_centre =
            std::fabs(double(offset[axis]) + landed[axis] - double(centre[axis]) - at[axis]);
        if (std::fabs(from_centre - std::max(double(size[axis]), 0.0) / 2) <= allowed) return true;
    }
    return false;
}

}  // namespace deepmark
