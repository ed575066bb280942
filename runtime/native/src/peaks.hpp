// Object centres: local maxima of the centre heatmap, the best of them, and boxes around them, as
// runtime/decoding/peaks.py.
#pragma once

#include <string>
#include <vector>

#include "heads.hpp"
#include "params.hpp"

namespace deepmark {

struct Centre {
    float score;         // after technique 2
    int class_id, cell;  // y * width + x
};

class Centres {
public:
    std::vector<Centre> list;  // best first

    // The params.top_k best 3x3 local maxima above 0 over all classes; equal scores go by class,
    // then by cell.
    void find(const Map& hm, const DecoderParams& params);

private:
    std::vector<float> padded_, blurred_;
    std::vector<int> marks_;
};

// Boxes around N centres: (4, N) x1, y1, x2, y2. sizes, offsets: (2, N), all in cells.
// width: of the heatmap.
void boxes_at(const std::vector<Centre>& centres, int width, const std::vector<float>& sizes,
              const std::vector<float>& offsets, std::vector<float>& boxes);

// False, with one sentence in `error`, where a value is not finite or farther than any network
// means.
bool require_cells(const std::vector<float>& values, const char* name, std::string& error);

// A number in an error's sentence.
std::string four_digits(double value);

}  // namespace deepmark
