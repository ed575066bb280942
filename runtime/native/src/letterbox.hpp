// CenterNet's affine letterbox, as deepmark.runtime.letterbox does it with cv2.warpAffine.
#pragma once

#include <cstdint>

namespace deepmark {

// Warp a picture into a network input: centre to centre, max(height, width) to the input's WIDTH,
// black outside. Allocates nothing.
//
// image: (height, width, 3) bytes, rows first.
// input: (input_height, input_width, 3) bytes, overwritten.
// False, and nothing written, if a side does not have 1 to warp_limit - 1 pixels.
bool letterbox(const std::uint8_t* image, int height, int width, std::uint8_t* input,
               int input_height, int input_width);

}  // namespace deepmark
