// CenterNet's affine letterbox, as deepmark.runtime.letterbox does it with cv2.warpAffine.
#pragma once

#include <string>

namespace deepmark {

// Warp a picture into a network input: centre to centre, max(height, width) to the input's WIDTH,
// black outside. Allocates nothing. Equal pixels give equal bytes, whatever the view.
//
// View: BgrView, ArgbView, CameraFrame.
// input: (input_height, input_width, 3) bytes, overwritten.
// False, with one sentence in `error`, and nothing written, if a side of the picture does not have
// 1 to warp_limit - 1 pixels.
template <class View>
bool letterbox(const View& picture, unsigned char* input, int input_height, int input_width,
               std::string& error);

}  // namespace deepmark
