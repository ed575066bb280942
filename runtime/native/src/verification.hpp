// Every golden vector of a bundle on this machine: does it give what the network gave?
#pragma once

#include "deepmark/deepmark.hpp"
#include "listener.hpp"

namespace deepmark {

enum class Verdict { equal, differs, cancelled, failed };

// Lines: an event "vector" for each, then "end".
//
// Arithmetic in fp16 moves values by more than fp32's tolerance, and so does int8 on another kind
// of processor than the exporter's: there the objects count, as for a model exported in another
// precision (exporter/precision).
//
// A GPU is held to an export's own tolerances in fp32. In fp16 the objects count, too, and heads
// have a wider bound (exporter/gpu_verification.py).
//
// failure: filled where the verdict is `failed`.
Verdict verify(const std::string& bundle, const EngineSettings& settings, Listener& listener,
               Failure& failure);

}  // namespace deepmark
