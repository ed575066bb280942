#include "candidates.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "padded.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

bool any_above(const float* values, std::size_t count, float limit) {
    int above = 0;
    for (std::size_t i = 0; i < count; ++i) above |= values[i] > limit;
    return above != 0;
}

bool higher(const Candidate& a, const Candidate& b) {
    return a.value != b.value ? a.value > b.value : a.cell < b.cell;
}

}  // namespace

void Candidates::find(const Map& heatmap, const std::vector<char>& used,
                      const DecoderParams& params) {
    const auto padded_cells = std::size_t(heatmap.height + 2) * std::size_t(heatmap.width + 2);
    height_ = heatmap.height;
    cells.clear();
    padded_.resize(padded_cells);
    // And room to read the last ones as a word.
    near_.assign(padded_cells + sizeof(std::uint64_t), 0);
    above_.assign(padded_cells, 0);
    spread_.assign(padded_cells, 0);
    listed_.assign(padded_cells, 0.0f);
    row_starts_.assign(std::size_t(heatmap.channels) * std::size_t(height_) + 1, 0);
    const auto threshold = float(params.keypoint_threshold);
    floor = params.threshold_on_raw ? float(underflow) : threshold;
    for (int group = 0; group < heatmap.channels; ++group) {
        const std::size_t first_row = std::size_t(group) * std::size_t(height_);
        if (used[std::size_t(group)] &&
            any_above(heatmap.channel(group), heatmap.cells(), threshold * float(looser)))
            find_in(heatmap.channel(group), heatmap.width, params, threshold, first_row);
        else
            std::fill_n(row_starts_.begin() + std::ptrdiff_t(first_row) + 1, height_,
                        int(cells.size()));
    }
    highest = 0;
    for (const Candidate& one : cells) highest = std::max(highest, one.value);
}

// Mark the cells whose value, or with `neighbours` that of a cell around, is above `limit`: no
// other can become a landmark. Bytes and no branch: compilers make vectors of it.
void Candidates::mark_near(int width, float limit, bool neighbours) {
    const int row = width + 2, begin = row, end = (height_ + 1) * row;
    const float* values = padded_.data();
    unsigned char* above = above_.data();
    for (int at = begin; at < end; ++at) above[at] = values[at] > limit;
    unsigned char* near = near_.data();
    if (neighbours) {
        unsigned char* spread = spread_.data();
        for (int at = begin; at < end; ++at) spread[at] = above[at - 1] | above[at] | above[at + 1];
        for (int at = begin; at < end; ++at)
            near[at] = spread[at - row] | spread[at] | spread[at + row];
    } else {
        std::copy(above + begin, above + end, near + begin);
    }
    for (int at = begin; at < end; at += row) near[at] = near[at + width + 1] = 0;  // the border
}

void Candidates::find_in(const float* map, int width, const DecoderParams& params, float threshold,
                         std::size_t first_row) {
    const int row = width + 2;
    const bool blurred = params.sigma_keypoint > 0;
    pad(map, height_, width, params.border_replicate, padded_.data());
    mark_near(width, threshold * float(looser), blurred);
    const Kernel kernel = blurred ? Kernel::of(params.sigma_keypoint) : Kernel{};
    near_cells_.clear();
    values_.clear();
    const int end = (height_ + 1) * row;
    for (int at = row; at < end; at += int(sizeof(std::uint64_t))) {
        std::uint64_t marks;
        std::memcpy(&marks, &near_[std::size_t(at)], sizeof marks);
        for (; marks; marks &= marks - 1) {  // every byte is 0 or 1
            const int near_cell = at + __builtin_ctzll(marks) / 8;
            const float* cell = padded_.data() + near_cell;
            near_cells_.push_back(near_cell);
            values_.push_back(blurred ? kernel.weigh(cell, row) : *cell);
        }
    }
    if (!params.mask)
        for (std::size_t i = 0; i < near_cells_.size(); ++i)
            listed_[std::size_t(near_cells_[i])] = values_[i];
    const std::size_t first = cells.size();
    for (std::size_t i = 0; i < near_cells_.size(); ++i) {
        const int at = near_cells_[i];
        const float value = values_[i];
        const float* own = listed_.data() + at;
        bool passes = (params.threshold_on_raw ? padded_[std::size_t(at)] : value) > threshold;
        if (passes && !params.mask)  // cells that are not listed count as 0
            for (int dy = -row; dy <= row; dy += row)
                for (int dx = -1; dx <= 1; ++dx) passes = passes && value >= own[dy + dx];
        const int x = at % row - 1, y = at / row - 1;
        if (passes) cells.push_back({y * width + x, x, y, value});
    }
    if (!params.mask) {
        for (int at : near_cells_) listed_[std::size_t(at)] = 0;
        keep_highest(first, std::size_t(params.top_k));
    }
    std::size_t next = first;
    for (int y = 0; y < height_; ++y) {
        while (next < cells.size() && cells[next].y == y) ++next;
        row_starts_[first_row + std::size_t(y) + 1] = int(next);
    }
}

// Keep the `count` highest of the candidates from `first` on; their order stays.
void Candidates::keep_highest(std::size_t first, std::size_t count) {
    if (cells.size() - first <= count) return;
    const auto begin = cells.begin() + std::ptrdiff_t(first);
    ranked_.assign(begin, cells.end());
    const auto last = ranked_.begin() + std::ptrdiff_t(count - 1);
    std::nth_element(ranked_.begin(), last, ranked_.end(), higher);
    const Candidate lowest = *last;
    cells.erase(std::remove_if(begin, cells.end(),
                               [&](const Candidate& one) { return higher(lowest, one); }),
                cells.end());
}

}  // namespace deepmark
