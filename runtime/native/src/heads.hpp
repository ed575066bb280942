// One image's heads as the decoder reads them: two heatmaps that it scans, and four heads that it
// reads at single cells.
#pragma once

#include <cstddef>
#include <vector>

namespace deepmark {

// (channels, height, width) float32, rows first; not owned.
struct Map {
    const float* values = nullptr;
    int channels = 0, height = 0, width = 0;

    std::size_t cells() const { return std::size_t(height) * std::size_t(width); }
    const float* channel(int index) const { return values + std::size_t(index) * cells(); }
    explicit operator bool() const { return values != nullptr; }
};

// wh, hps, reg and hp_offset, in cells. Cells are flat: y * width + x.
class Regressions {
public:
    virtual ~Regressions() = default;
    virtual int groups() const = 0;                 // 0: boxes only
    virtual bool has_landmark_offsets() const = 0;  // hp_offset

    // cells: N objects.  owner, group: P landmarks.
    // sizes, offsets: (2, N).  displacements: (2, P).
    virtual void at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                            const std::vector<int>& group, float* sizes, float* offsets,
                            float* displacements) = 0;

    // offsets: (2, n).
    virtual void at_landmarks(const std::vector<int>& cells, float* offsets) = 0;
};

// Every head as a map; reg and hp_offset may be missing, and hps where boxes have no landmarks.
class DenseHeads : public Regressions {
public:
    Map wh, hps, reg, hp_offset;

    int groups() const override { return hps.channels / 2; }
    bool has_landmark_offsets() const override { return bool(hp_offset); }
    void at_centres(const std::vector<int>& cells, const std::vector<int>& owner,
                    const std::vector<int>& group, float* sizes, float* offsets,
                    float* displacements) override;
    void at_landmarks(const std::vector<int>& cells, float* offsets) override;
};

// Logits to probabilities, in place.
void sigmoid(float* values, std::size_t count);

}  // namespace deepmark
