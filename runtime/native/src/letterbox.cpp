#include "letterbox.hpp"

#include "camera_frame.hpp"
#include "warp.hpp"

namespace deepmark {

double Placement::step() const {
    return std::max(double(picture.height) / input.height, double(picture.width) / input.width);
}

float Placement::to_picture(float cells, int axis) const {
    const double input_centre = (axis ? input.height : input.width) / 2.0;
    const double centre = (axis ? picture.height : picture.width) / 2.0;
    const double scale =
        std::min(double(input.height) / picture.height, double(input.width) / picture.width);
    return float((double(cells) * stride - input_centre) / scale + centre);
}

template <class View>
bool letterbox(const View& picture, unsigned char* pixels, const Sides& input, std::string& error) {
    const Sides sides = {picture.height, picture.width};
    const double step = Placement{sides, input}.step();
    const Sampling centred = {step, sides.width / 2.0 - step * (input.width / 2.0),
                              sides.height / 2.0 - step * (input.height / 2.0)};
    return warp(picture, centred, pixels, input.height, input.width, error);
}

template bool letterbox(const BgrView&, unsigned char*, const Sides&, std::string&);
template bool letterbox(const ArgbView&, unsigned char*, const Sides&, std::string&);
template bool letterbox(const CameraFrame&, unsigned char*, const Sides&, std::string&);

}  // namespace deepmark
