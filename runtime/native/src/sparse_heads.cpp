#include "sparse_heads.hpp"

#include <algorithm>

namespace deepmark {
namespace {

constexpr int taps = 9;   // of a 3x3 convolution, row by row
constexpr int wide = 16;  // columns that are computed together
constexpr int high = 4;   // rows of the weights that are computed together
constexpr std::size_t lanes = 8;

float dot(const float* a, const float* b, int count) {
    float sums[lanes] = {};
    std::size_t i = 0;
    const auto whole = std::size_t(count);
    for (; i + lanes <= whole; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
    float total = 0;
    for (float sum : sums) total += sum;
    for (; i < whole; ++i) total += a[i] * b[i];
    return total;
}

const float* weight_row(const Layer& layer, int row) {
    return layer.weight.data() + std::size_t(row) * std::size_t(layer.depth);
}

float row_of(const Layer& layer, int row, const float* x) {
    return dot(weight_row(layer, row), x, layer.depth) + layer.bias[std::size_t(row)];
}

// Add `next`'s rows below those of `to`.
void append(Layer& to, const Layer& next) {
    to.depth = next.depth;
    to.rows += next.rows;
    to.weight.insert(to.weight.end(), next.weight.begin(), next.weight.end());
    to.bias.insert(to.bias.end(), next.bias.begin(), next.bias.end());
}

// What a zero-padded 3x3 convolution reads at up to `wide` cells: (F * 9, wide).
void gather_patches(const Map& features, const int* cells, int count, float* patches) {
    std::fill_n(patches, std::size_t(features.channels) * taps * wide, 0.0f);
    for (int column = 0; column < count; ++column) {
        const int y = cells[column] / features.width, x = cells[column] % features.width;
        for (int tap = 0; tap < taps; ++tap) {
            const int at_y = y + tap / 3 - 1, at_x = x + tap % 3 - 1;
            if (at_y < 0 || at_y >= features.height || at_x < 0 || at_x >= features.width) continue;
            const float* from = features.values + std::size_t(at_y) * std::size_t(features.width) +
                                std::size_t(at_x);
            float* to = patches + std::size_t(tap) * wide + column;
            for (int channel = 0; channel < features.channels; ++channel)
                to[std::size_t(channel) * taps * wide] =
                    from[std::size_t(channel) * features.cells()];
        }
    }
}

// Eight floats at any address: two registers of NEON or SSE, one of AVX.
using Eight = float __attribute__((vector_size(32), aligned(4), may_alias));

// relu(layer @ patches + bias) for `count` columns, each into its own row of `out`.
void multiply(const Layer& layer, const float* patches, int count, float* out) {
    constexpr int vectors = wide / 8;
    for (int row = 0; row < layer.rows; row += high) {
        const int rows = std::min(high, layer.rows - row);
        const float* weights[high];
        for (int i = 0; i < high; ++i) weights[i] = weight_row(layer, row + std::min(i, rows - 1));
        Eight sums[high][vectors] = {};
        for (int k = 0; k < layer.depth; ++k) {
            const auto* x = reinterpret_cast<const Eight*>(patches + std::size_t(k) * wide);
            for (int i = 0; i < high; ++i)
                for (int j = 0; j < vectors; ++j) sums[i][j] += weights[i][k] * x[j];
        }
        for (int i = 0; i < rows; ++i) {
            const int at = row + i;
            for (int j = 0; j < count; ++j)
                out[std::size_t(j) * std::size_t(layer.rows) + std::size_t(at)] =
                    std::max(sums[i][j / 8][j % 8] + layer.bias[std::size_t(at)], 0.0f);
        }
    }
}

}  // namespace

SparseHeads::SparseHeads(HeadWeights weights) : channels_(weights.features) {
    for (const HeadLayers* head : {&weights.wh, &weights.reg, &weights.hps})
        if (head->first.rows) append(at_centres_, head->first);
    if (weights.hp_offset.first.rows) append(at_landmarks_, weights.hp_offset.first);
    wh_ = std::move(weights.wh.last);
    hps_ = std::move(weights.hps.last);
    reg_ = std::move(weights.reg.last);
    hp_offset_ = std::move(weights.hp_offset.last);
}

// Of every cell what the 1x1 convolutions read: (N, rows of `first`), or (N, F) where there is no
// first layer.
const float* SparseHeads::hidden_at(const Layer& first, const std::vector<int>& cells) {
    if (!first.rows) {
        hidden_.resize(cells.size() * std::size_t(channels_));
        float* to = hidden_.data();
        for (int cell : cells)
            for (int channel = 0; channel < channels_; ++channel)
                *to++ = features.channel(channel)[cell];
        return hidden_.data();
    }
    patches_.resize(std::size_t(channels_) * taps * wide);
    hidden_.resize(cells.size() * std::size_t(first.rows));
    for (std::size_t start = 0; start < cells.size(); start += wide) {
        const int count = int(std::min(std::size_t(wide), cells.size() - start));
        gather_patches(features, cells.data() + start, count, patches_.data());
        multiply(first, patches_.data(), count, hidden_.data() + start * std::size_t(first.rows));
    }
    return hidden_.data();
}

void SparseHeads::at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                             const std::vector<int>& group, float* sizes, float* offsets,
                             float* displacements) {
    const float* hidden = hidden_at(at_centres_, cells);
    const bool deep = at_centres_.rows > 0;
    const auto stride = std::size_t(deep ? at_centres_.rows : channels_);
    // Of the hidden values first those of wh, then of reg where there is one, then of hps.
    const auto part = std::size_t(deep ? wh_.depth : 0);
    const bool has_offsets = reg_.rows > 0;
    const std::size_t hps_part = has_offsets ? 2 * part : part;
    const std::size_t count = cells.size(), pairs = owner.size();
    for (std::size_t i = 0; i < count; ++i)
        for (int axis = 0; axis < 2; ++axis) {
            sizes[std::size_t(axis) * count + i] = row_of(wh_, axis, hidden + i * stride);
            if (has_offsets)
                offsets[std::size_t(axis) * count + i] =
                    row_of(reg_, axis, hidden + i * stride + part);
        }
    for (std::size_t p = 0; p < pairs; ++p) {
        const float* x = hidden + std::size_t(owner[p]) * stride + hps_part;
        displacements[p] = row_of(hps_, 2 * group[p], x);
        displacements[pairs + p] = row_of(hps_, 2 * group[p] + 1, x);
    }
}

void SparseHeads::at_landmarks(const std::vector<int>& cells, float* offsets) {
    once_ = cells;
    std::sort(once_.begin(), once_.end());
    once_.erase(std::unique(once_.begin(), once_.end()), once_.end());
    const float* hidden = hidden_at(at_landmarks_, once_);
    const auto stride = std::size_t(at_landmarks_.rows ? at_landmarks_.rows : channels_);
    offsets_.resize(2 * once_.size());
    for (std::size_t i = 0; i < once_.size(); ++i)
        for (std::size_t axis = 0; axis < 2; ++axis)
            offsets_[2 * i + axis] = row_of(hp_offset_, int(axis), hidden + i * stride);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto at =
            std::size_t(std::lower_bound(once_.begin(), once_.end(), cells[i]) - once_.begin());
        for (std::size_t axis = 0; axis < 2; ++axis)
            offsets[axis * cells.size() + i] = offsets_[2 * at + axis];
    }
}

}  // namespace deepmark
