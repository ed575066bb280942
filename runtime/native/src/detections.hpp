// What the decoder finds in one image. Positions are heatmap cells from the decoder, image pixels after to_image.
#pragma once

#include <vector>

namespace deepmark {

struct Landmark {
    float x = 0, y = 0;
    float value = 0;       // of the heatmap; 0 where unrefined
    bool refined = false;  // comes from the heatmap, not from the regression alone
};

struct Object {
    int class_id = 0;
    float score = 0;            // final, Eq. (1), after soft-NMS where that is on
    float box_score = 0;        // of the centre
    float keypoints_score = 0;  // mean landmark value
    float box[4] = {0, 0, 0, 0};  // x1, y1, x2, y2
    int first = 0, count = 0;   // its landmarks: landmarks[first .. first + count)
};

// Best first.
struct Detections {
    std::vector<Object> objects;
    std::vector<Landmark> landmarks;  // of all objects that were decoded, those that were dropped later included
};

}  // namespace deepmark
