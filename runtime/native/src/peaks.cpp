#include "peaks.hpp"

#include <algorithm>
#include <cstddef>

#include "gaussian.hpp"

namespace deepmark {
namespace {

// Mark the 3x3 local maxima above `cut` of one row with 1, the others with 0. No branch in it: compilers make vectors of it.
bool mark_peaks(const float* centre, std::ptrdiff_t row, int width, float cut, int* marks) {
    const float *above = centre - row, *below = centre + row;
    int any = 0;
    for (int x = 1; x <= width; ++x) {
        const float value = centre[x];
        const int is_peak = (value > cut) & (value >= centre[x - 1]) & (value >= centre[x + 1]) & (value >= above[x - 1]) &
                            (value >= above[x]) & (value >= above[x + 1]) & (value >= below[x - 1]) &
                            (value >= below[x]) & (value >= below[x + 1]);
        marks[x - 1] = is_peak;
        any |= is_peak;
    }
    return any != 0;
}

bool better(const Peak& a, const Peak& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.class_id != b.class_id ? a.class_id < b.class_id : a.cell < b.cell;
}

}  // namespace

void CentrePeaks::find(const Map& hm, const DecoderParams& params, std::vector<Peak>& centres) {
    const std::ptrdiff_t row = hm.width + 2;
    const auto padded_cells = std::size_t(hm.height + 2) * std::size_t(row);
    const bool blurs = params.sigma_center > 0;
    const Gaussian gaussian = blurs ? Gaussian::of(params.sigma_center) : Gaussian{};
    padded_.resize(padded_cells);
    marks_.resize(std::size_t(hm.width));
    blurred_.assign(padded_cells, 0.0f);
    centres.clear();
    // Peaks come by class, then by cell: what is not above the worst of top_k better ones will never be among them. An
    // underflowed sigmoid is a plateau of thousands of peaks, which this keeps out.
    const auto most = std::size_t(params.top_k), enough = 4 * most;
    float cut = 0;
    for (int channel = 0; channel < hm.channels; ++channel) {
        pad(hm.channel(channel), hm.height, hm.width, params.border_replicate && blurs, padded_.data());
        const float* map = padded_.data();
        if (blurs) {
            for (int y = 1; y <= hm.height; ++y) {
                const float* from = padded_.data() + y * row;
                float* to = blurred_.data() + y * row;
                for (int x = 1; x <= hm.width; ++x) to[x] = gaussian.weigh(from + x, row);
            }
            map = blurred_.data();
        }
        for (int y = 1; y <= hm.height; ++y) {
            const float* centre = map + y * row;
            if (!mark_peaks(centre, row, hm.width, cut, marks_.data())) continue;
            for (int x = 0; x < hm.width; ++x)
                if (marks_[std::size_t(x)]) centres.push_back({centre[x + 1], channel, (y - 1) * hm.width + x});
            if (centres.size() < enough) continue;
            std::nth_element(centres.begin(), centres.begin() + std::ptrdiff_t(most - 1), centres.end(), better);
            centres.resize(most);
            cut = centres.back().score;
        }
    }
    const auto wanted = std::min(centres.size(), most);
    std::partial_sort(centres.begin(), centres.begin() + std::ptrdiff_t(wanted), centres.end(), better);
    centres.resize(wanted);
    // Objects that cannot reach the score floor even if all their landmarks were perfect.
    const auto cannot_reach = [&](const Peak& one) {
        const double best = params.alpha * double(one.score) + (1 - params.alpha) * (1 + probability_slack);
        return !(best + probability_slack >= params.score_threshold);
    };
    centres.erase(std::remove_if(centres.begin(), centres.end(), cannot_reach), centres.end());
}

}  // namespace deepmark
