// Technique 2, Eq. (2): the 3x3 Gaussian, in the one order of summation of
// runtime/decoding/gaussian.py:
//   centre * k + edge * ((left + right) + (up + down)) + corner * ((ul + ur) + (dl + dr))
// The files that include it are compiled without contraction to fused multiply-adds: the same bits
// everywhere.
#pragma once

#include <cmath>
#include <cstddef>

namespace deepmark {

struct Kernel {
    float centre = 1, edge = 0, corner = 0;

    // sigma: standard deviation in cells, > 0
    static Kernel of(double sigma) {
        // Two divisions: sigma**2 of a tiny sigma would be 0.
        const double e = std::exp(-0.5 / sigma / sigma);
        const double total = (1 + 2 * e) * (1 + 2 * e);
        return {float(1 / total), float(e / total), float(e * e / total)};
    }

    // The blurred value of the cell that `at` points to, in a map whose rows are `row` floats
    // apart.
    float weigh(const float* at, std::ptrdiff_t row) const {
        const float edges = (at[-1] + at[1]) + (at[-row] + at[row]);
        const float corners = (at[-row - 1] + at[-row + 1]) + (at[row - 1] + at[row + 1]);
        return (at[0] * centre + edges * edge) + corners * corner;
    }
};

}  // namespace deepmark
