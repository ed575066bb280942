#include "heads.hpp"

#include <cmath>

namespace deepmark {
namespace {

void gather(const Map& map, const std::vector<int>& cells, float* out) {
    for (int channel = 0; channel < 2; ++channel)
        for (int cell : cells) *out++ = map.channel(channel)[cell];
}

}  // namespace

void DenseHeads::at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                            const std::vector<int>& group, float* sizes, float* offsets,
                            float* displacements) {
    gather(wh, cells, sizes);
    if (reg) gather(reg, cells, offsets);
    const std::size_t pairs = owner.size(), map = hps.cells();
    for (std::size_t i = 0; i < pairs; ++i) {
        const float* x =
            hps.values + 2 * std::size_t(group[i]) * map + cells[std::size_t(owner[i])];
        displacements[i] = x[0];
        displacements[pairs + i] = x[map];
    }
}

void DenseHeads::at_landmarks(const std::vector<int>& cells, float* offsets) {
    gather(hp_offset, cells, offsets);
}

void sigmoid(float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) values[i] = 1.0f / (1.0f + std::exp(-values[i]));
}

}  // namespace deepmark
