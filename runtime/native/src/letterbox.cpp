#include "letterbox.hpp"

#include "camera_frame.hpp"
#include "warp.hpp"

namespace deepmark {

template <class View>
bool letterbox(const View& picture, unsigned char* input, int input_height, int input_width,
               std::string& error) {
    const int height = picture.height, width = picture.width;
    // Image pixels per input pixel.
    const double pixels = double(std::max(height, width)) / input_width;
    const Sampling centred = {pixels, width / 2.0 - pixels * (input_width / 2.0),
                              height / 2.0 - pixels * (input_height / 2.0)};
    return warp(picture, centred, input, input_height, input_width, error);
}

template bool letterbox(const BgrView&, unsigned char*, int, int, std::string&);
template bool letterbox(const ArgbView&, unsigned char*, int, int, std::string&);
template bool letterbox(const CameraFrame&, unsigned char*, int, int, std::string&);

}  // namespace deepmark
