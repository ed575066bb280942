#include "pose_crop.hpp"

#include "warp.hpp"

namespace deepmark {

bool PoseCrop::of_pose(const Landmark* landmarks, int count, int height, int width, PoseCrop& crop,
                       std::string& error) {
    if (count < 1) {
        error = "a refiner needs an object with landmarks";
        return false;
    }
    crop.height = height;
    crop.width = width;
    double size[2];
    for (int axis = 0; axis < 2; ++axis) {
        double low = 0, high = 0;
        for (int i = 0; i < count; ++i) {
            const auto value = double(axis ? landmarks[i].y : landmarks[i].x);
            if (!std::isfinite(value)) {
                error = "a refiner needs landmarks that are all finite";
                return false;
            }
            low = i ? std::min(low, value) : value;
            high = i ? std::max(high, value) : value;
        }
        size[axis] = (high > low ? high - low : no_extent) * pose_margin;
        crop.centre[axis] = (low + high) / 2;
    }
    crop.scale = width / (std::max(size[0], size[1] * width / height) * crop_margin);
    return true;
}

double PoseCrop::to_input(double position, int axis) const {
    return (position - centre[axis]) * scale + (axis ? height : width) / 2.0;
}

double PoseCrop::to_picture(double position, int axis) const {
    return (position - (axis ? height : width) / 2.0) / scale + centre[axis];
}

bool PoseCrop::cut(const BgrView& picture, unsigned char* input, std::string& error) const {
    const Sampling here = {1 / scale, to_picture(0, 0), to_picture(0, 1)};
    return warp(picture, here, input, height, width, error);
}

}  // namespace deepmark
