// The affine letterbox, as deepmark.runtime.letterbox does it with cv2.warpAffine: no half-pixel
// shift, black outside.
#pragma once

#include <string>

#include "input_fit.hpp"

namespace deepmark {

// Where a picture lies in a network input: centre on centre, whole, as large as it can be.
struct Placement {
    Sides picture, input;

    // Picture pixels per input pixel.
    double step() const;

    // A coordinate in cells, of x (axis 0) or y (1), in pixels of the picture.
    float to_picture(float cells, int axis) const;
};

// Draw a picture into a network input. Allocates nothing. Equal pixels give equal bytes, whatever
// the view.
//
// View: BgrView, ArgbView, CameraFrame.
// pixels: (input.height, input.width, 3) bytes, overwritten.
// False, with one sentence in `error`, and nothing written, where require_sides refuses the
// picture.
template <class View>
bool letterbox(const View& picture, unsigned char* pixels, const Sides& input, std::string& error);

}  // namespace deepmark
