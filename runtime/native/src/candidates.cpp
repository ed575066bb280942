#include "candidates.hpp"

#include <algorithm>
#include <cstring>

#include "gaussian.hpp"

namespace deepmark {
namespace {

constexpr float underflow = 1e-12f;  // what a rescored value must be above where the threshold is held against the raw one
constexpr float rounding = 0.999f;   // nine weights may add up to a hair more than 1: a looser net loses no cell

bool any_above(const float* values, std::size_t count, float limit) {
    int above = 0;
    for (std::size_t i = 0; i < count; ++i) above |= values[i] > limit;
    return above != 0;
}

}  // namespace

void Candidates::find(const Map& heatmap, const std::vector<char>& used, const DecoderParams& params) {
    const auto padded_cells = std::size_t(heatmap.height + 2) * std::size_t(heatmap.width + 2);
    height_ = heatmap.height;
    cells.clear();
    padded_.resize(padded_cells);
    above_.assign(padded_cells, 0);
    listed_.assign(padded_cells, 0.0f);
    row_starts_.assign(std::size_t(heatmap.channels) * std::size_t(height_) + 1, 0);
    const float threshold = float(params.keypoint_threshold);
    floor = params.threshold_on_raw ? underflow : threshold;
    for (int group = 0; group < heatmap.channels; ++group) {
        const std::size_t first_row = std::size_t(group) * std::size_t(height_);
        if (used[std::size_t(group)] && any_above(heatmap.channel(group), heatmap.cells(), threshold * rounding))
            find_in(heatmap.channel(group), heatmap.width, params, threshold, first_row);
        else
            std::fill_n(row_starts_.begin() + std::ptrdiff_t(first_row) + 1, height_, int(cells.size()));
    }
    highest = 0;
    for (const Candidate& one : cells) highest = std::max(highest, one.value);
}

void Candidates::find_in(const float* map, int width, const DecoderParams& params, float threshold,
                         std::size_t first_row) {
    const int row = width + 2;
    const bool blurred = params.sigma_keypoint > 0;
    pad(map, height_, width, params.border_replicate, padded_.data());
    std::fill(above_.begin(), above_.end(), 0);
    const float loose = threshold * rounding;
    for (int y = 1; y <= height_; ++y) {
        const float* values = padded_.data() + std::ptrdiff_t(y) * row;
        if (!any_above(values + 1, std::size_t(width), loose)) continue;
        for (int x = 1; x <= width; ++x) {
            if (!(values[x] > loose)) continue;
            const std::ptrdiff_t at = std::ptrdiff_t(y) * row + x;
            if (!blurred)
                above_[std::size_t(at)] = 1;
            else
                for (int dy = -row; dy <= row; dy += row) std::memset(&above_[std::size_t(at + dy - 1)], 1, 3);
        }
    }
    const Gaussian gaussian = blurred ? Gaussian::of(params.sigma_keypoint) : Gaussian{};
    places_.clear();
    values_.clear();
    for (int y = 1; y <= height_; ++y) {
        const int begin = y * row + 1, end = begin + width;
        if (!std::memchr(&above_[std::size_t(begin)], 1, std::size_t(width))) continue;
        for (int at = begin; at < end; ++at) {
            if (!above_[std::size_t(at)]) continue;
            const float* cell = padded_.data() + at;
            places_.push_back(at);
            values_.push_back(blurred ? gaussian.weigh(cell, row) : *cell);
        }
    }
    if (!params.mask)
        for (std::size_t i = 0; i < places_.size(); ++i) listed_[std::size_t(places_[i])] = values_[i];
    std::size_t next = 0;
    for (int y = 0; y < height_; ++y) {
        for (; next < places_.size() && places_[next] < (y + 2) * row; ++next) {
            const int at = places_[next];
            const float value = values_[next];
            bool passes = (params.threshold_on_raw ? padded_[std::size_t(at)] : value) > threshold;
            if (passes && !params.mask)  // cells that are not listed count as 0
                for (int dy = -row; dy <= row; dy += row)
                    for (int dx = -1; dx <= 1; ++dx) passes = passes && value >= listed_[std::size_t(at + dy + dx)];
            const int x = at % row - 1;
            if (passes) cells.push_back({y * width + x, x, y, value});
        }
        row_starts_[first_row + std::size_t(y) + 1] = int(cells.size());
    }
    if (!params.mask)
        for (int at : places_) listed_[std::size_t(at)] = 0;
}

}  // namespace deepmark
