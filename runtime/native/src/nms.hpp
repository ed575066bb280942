// Suppression of objects that overlap a better one of their class, as runtime/decoding/nms.py.
#pragma once

#include "deepmark/deepmark.hpp"
#include "params.hpp"

namespace deepmark {

// In whatever coordinates the boxes come; one unit is added to each side. Objects whose score falls below
// params.score_threshold go too.
void suppress(Detections& detections, const DecoderParams& params);

}  // namespace deepmark
