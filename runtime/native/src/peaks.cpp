#include "peaks.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>

#include "padded.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

// Mark the 3x3 local maxima above `cut` of one row with 1, the others with 0. No branch in it:
// compilers make vectors of it.
bool mark_peaks(const float* centre, std::ptrdiff_t row, int width, float cut, int* marks) {
    const float *above = centre - row, *below = centre + row;
    int any = 0;
    for (int x = 1; x <= width; ++x) {
        const float value = centre[x];
        const int is_peak = (value > cut) & (value >= centre[x - 1]) & (value >= centre[x + 1]) &
                            (value >= above[x - 1]) & (value >= above[x]) &
                            (value >= above[x + 1]) & (value >= below[x - 1]) &
                            (value >= below[x]) & (value >= below[x + 1]);
        marks[x - 1] = is_peak;
        any |= is_peak;
    }
    return any != 0;
}

bool better(const Centre& a, const Centre& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.class_id != b.class_id ? a.class_id < b.class_id : a.cell < b.cell;
}

}  // namespace

void Centres::find(const Map& hm, const DecoderParams& params) {
    const std::ptrdiff_t row = hm.width + 2;
    const auto padded_cells = std::size_t(hm.height + 2) * std::size_t(row);
    const bool blurs = params.sigma_center > 0;
    const Kernel kernel = blurs ? Kernel::of(params.sigma_center) : Kernel{};
    padded_.resize(padded_cells);
    marks_.resize(std::size_t(hm.width));
    blurred_.assign(padded_cells, 0.0f);
    list.clear();
    // Peaks come by class, then by cell: what is not above the worst of top_k better ones will
    // never be among them. An underflowed sigmoid is a plateau of thousands of peaks, which this
    // keeps out.
    const auto most = std::size_t(params.top_k), enough = 4 * most;
    float cut = 0;
    for (int channel = 0; channel < hm.channels; ++channel) {
        pad(hm.channel(channel), hm.height, hm.width, params.border_replicate && blurs,
            padded_.data());
        if (blurs) blur(padded_.data(), hm.height, hm.width, kernel, blurred_.data());
        const float* map = blurs ? blurred_.data() : padded_.data();
        for (int y = 1; y <= hm.height; ++y) {
            const float* centre = map + y * row;
            if (!mark_peaks(centre, row, hm.width, cut, marks_.data())) continue;
            for (int x = 0; x < hm.width; ++x)
                if (marks_[std::size_t(x)])
                    list.push_back({centre[x + 1], channel, (y - 1) * hm.width + x});
            if (list.size() < enough) continue;
            std::nth_element(list.begin(), list.begin() + std::ptrdiff_t(most - 1), list.end(),
                             better);
            list.resize(most);
            cut = list.back().score;
        }
    }
    const auto wanted = std::min(list.size(), most);
    std::partial_sort(list.begin(), list.begin() + std::ptrdiff_t(wanted), list.end(), better);
    list.resize(wanted);
}

void boxes_at(const std::vector<Centre>& centres, int width, const std::vector<float>& sizes,
              const std::vector<float>& offsets, std::vector<float>& boxes) {
    const std::size_t count = centres.size();
    boxes.resize(4 * count);
    for (std::size_t i = 0; i < count; ++i) {
        const int at[2] = {centres[i].cell % width, centres[i].cell / width};
        for (std::size_t axis = 0; axis < 2; ++axis) {
            const float middle = float(at[axis]) + offsets[axis * count + i];
            const float half = sizes[axis * count + i] / 2;
            boxes[axis * count + i] = middle - half;
            boxes[(axis + 2) * count + i] = middle + half;
        }
    }
}

bool require_cells(const std::vector<float>& values, const char* name, std::string& error) {
    for (float value : values) {
        if (std::fabs(value) < float(farthest)) continue;  // false for NaN too
        error = std::string("head '") + name + "' must hold finite numbers of cells, found " +
                four_digits(double(value));
        return false;
    }
    return true;
}

std::string four_digits(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

}  // namespace deepmark
