// What a program that shows a model must know of it, as JSON.
#pragma once

#include <string>

#include "pipeline.hpp"

namespace deepmark {

// {"name", "precision" of the weights, "input": {"height", "width" of the largest, "fit"},
//  "classes": [{"name", "landmarks": names, "outline": lines of positions}],
//  "decoder": {the bundle's parameters, "techniques": numbers of those that are on},
//  "engine": {"mnn_version", "precision_used", "threads_used", "memory_mib", "gpu"}}
std::string described(const Pipeline& pipeline);

// How a GPU runs it, by the names of GpuFacts: {"name", "driver", "clock_mhz", "mode", "placement",
// "operators", "on_cpu", "create_ms", "resize_ms", "first_ms"}; null on the CPU.
std::string gpu_facts(const Engine& engine);

// What MNN's session uses, in MiB; null on a GPU, of which MNN counts the least part.
std::string session_memory(const Engine& engine);

}  // namespace deepmark
