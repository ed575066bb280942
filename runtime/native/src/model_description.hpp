// What a program that shows a model must know of it, as JSON.
#pragma once

#include <string>

#include "pipeline.hpp"

namespace deepmark {

// {"name", "precision" of the weights, "input": {"height", "width"},
//  "classes": [{"name", "landmarks": names, "outline": lines of positions}],
//  "decoder": {the bundle's parameters, "techniques": numbers of those that are on},
//  "engine": {"mnn_version", "precision_used", "threads_used", "memory_mib"}}
std::string described(const Pipeline& pipeline);

}  // namespace deepmark
