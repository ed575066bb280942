// The part of a picture that a refiner sees of one object, as runtime/refinement/pose_crop.py:
// PoseFix's box around the object's own landmarks.
#pragma once

#include <string>

#include "deepmark/deepmark.hpp"
#include "pixels.hpp"

namespace deepmark {

// Centred on the landmarks, upright, of one scale in both directions.
struct PoseCrop {
    double centre[2] = {0, 0};  // x, y, picture's pixels
    double scale = 1;           // input pixels per pixel of the picture
    int height = 0, width = 0;  // of the input, in pixels

    // Show all of `count` landmarks. False, with one sentence in `error`, where there is none or
    // one is not finite.
    static bool of_pose(const Landmark* landmarks, int count, int height, int width, PoseCrop& crop,
                        std::string& error);

    // axis: 0 for x, 1 for y.
    double to_input(double position, int axis) const;
    double to_picture(double position, int axis) const;

    // The input, (height, width, 3) bytes, black where the picture does not reach. False: `error`
    // says why.
    bool cut(const BgrView& picture, unsigned char* input, std::string& error) const;
};

}  // namespace deepmark
