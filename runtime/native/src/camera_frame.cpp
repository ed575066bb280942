#include "camera_frame.hpp"

#include "shared_numbers.hpp"

namespace deepmark {

const CameraFrame::Weights CameraFrame::limited = {16, 1220542, 2116026, -409993, -852492, 1673527};
const CameraFrame::Weights CameraFrame::full = {0, 1 << 20, 1858077, -360853, -748826, 1470104};

namespace {

// Whether all pixels of rows and columns before these lie in the plane.
bool holds(const Plane& plane, const char* name, int rows, int columns, std::string& error) {
    const auto fail = [&](const std::string& what) {
        error = std::string("the camera's plane ") + name + " " + what;
        return false;
    };
    if (!plane.bytes) return fail("is no direct buffer");
    if (plane.pixel_stride < 1)
        return fail("has a pixel stride of " + std::to_string(plane.pixel_stride));
    const std::int64_t row_bytes = std::int64_t(columns - 1) * plane.pixel_stride + 1;
    if (plane.row_stride < row_bytes)
        return fail("has a row stride of " + std::to_string(plane.row_stride) + ", a row needs " +
                    std::to_string(row_bytes));
    const std::int64_t bytes = std::int64_t(rows - 1) * plane.row_stride + row_bytes;
    if (plane.size < std::uint64_t(bytes))
        return fail("has " + std::to_string(plane.size) + " bytes, expected " +
                    std::to_string(bytes));
    return true;
}

}  // namespace

bool CameraFrame::open(const FrameLayout& layout, CameraFrame& frame, std::string& error) {
    const int rows = layout.bottom, columns = layout.right;
    if (layout.left < 0 || layout.top < 0 || columns <= layout.left || rows <= layout.top ||
        columns >= warp_limit || rows >= warp_limit) {
        error = "the camera's crop rectangle is none: " + std::to_string(layout.left) + ", " +
                std::to_string(layout.top) + " to " + std::to_string(columns) + ", " +
                std::to_string(rows);
        return false;
    }
    if (!holds(layout.y, "Y", rows, columns, error) ||
        !holds(layout.u, "U", (rows + 1) / 2, (columns + 1) / 2, error) ||
        !holds(layout.v, "V", (rows + 1) / 2, (columns + 1) / 2, error))
        return false;
    const int last_row = rows - 1, last_column = columns - 1;
    switch (layout.rotation) {
        case 0:
            frame.row_ = {layout.top, 1, 0};
            frame.column_ = {layout.left, 0, 1};
            break;
        case 90:
            frame.row_ = {last_row, 0, -1};
            frame.column_ = {layout.left, 1, 0};
            break;
        case 180:
            frame.row_ = {last_row, -1, 0};
            frame.column_ = {last_column, 0, -1};
            break;
        case 270:
            frame.row_ = {layout.top, 0, 1};
            frame.column_ = {last_column, -1, 0};
            break;
        default:
            error = "a picture is turned by 0, 90, 180 or 270 degrees, found " +
                    std::to_string(layout.rotation);
            return false;
    }
    const bool upright = layout.rotation % 180 == 0;
    frame.height = upright ? rows - layout.top : columns - layout.left;
    frame.width = upright ? columns - layout.left : rows - layout.top;
    if (layout.mirrored)
        for (Way* way : {&frame.row_, &frame.column_}) {
            way->first += (frame.width - 1) * way->per_column;
            way->per_column = -way->per_column;
        }
    frame.y_ = layout.y;
    frame.u_ = layout.u;
    frame.v_ = layout.v;
    frame.weights_ = layout.full_range ? &full : &limited;
    return true;
}

}  // namespace deepmark
