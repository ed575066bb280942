#include "flip_test.hpp"

namespace deepmark {

void average_maps(const Map& plain, const Map& mirrored, const std::vector<int>& source,
                  float* out) {
    const auto width = std::size_t(plain.width);
    for (int channel = 0; channel < plain.channels; ++channel) {
        const float* one = plain.channel(channel);
        const float* other =
            mirrored.channel(source.empty() ? channel : source[std::size_t(channel)]);
        for (int y = 0; y < plain.height; ++y, one += width, other += width, out += width)
            for (std::size_t x = 0; x < width; ++x) out[x] = (one[x] + other[width - 1 - x]) * 0.5f;
    }
}

void FlippedRegressions::at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                                    const std::vector<int>& group, float* sizes, float* offsets,
                                    float* displacements) {
    run_(false).at_centres(cells, owner, group, sizes, offsets, displacements);
    cells_.clear();
    for (const int cell : cells) cells_.push_back(cell + width_ - 1 - 2 * (cell % width_));
    group_.clear();
    for (const int one : group) group_.push_back(mirror_groups_[std::size_t(one)]);
    const std::size_t count = cells.size(), pairs = owner.size();
    sizes_.resize(2 * count);
    offsets_.resize(2 * count);
    displacements_.resize(2 * pairs);
    run_(true).at_centres(cells_, owner, group_, sizes_.data(), offsets_.data(),
                          displacements_.data());
    for (std::size_t i = 0; i < 2 * count; ++i) sizes[i] = (sizes[i] + sizes_[i]) * 0.5f;
    for (std::size_t i = 0; i < 2 * pairs; ++i) {
        const float turned = i < pairs ? -displacements_[i] : displacements_[i];
        displacements[i] = (displacements[i] + turned) * 0.5f;
    }
}

}  // namespace deepmark
