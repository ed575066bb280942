// CenterNet's affine letterbox, as deepmark.runtime.letterbox does it with cv2.warpAffine.
#pragma once

#include <cstdint>

namespace deepmark {

// Warp a picture into a network input: centre to centre, max(height, width) to the input's WIDTH, black outside.
//
// image: (height, width, 3) bytes, rows first; 1 to 32766 pixels a side.  input: (input_height, input_width, 3) bytes,
// overwritten; 1 to 32766 a side.  Allocates nothing. False, and nothing written, if a side is out of range.
bool letterbox(const std::uint8_t* image, int height, int width, std::uint8_t* input, int input_height,
               int input_width);

}  // namespace deepmark
