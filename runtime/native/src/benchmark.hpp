// Times of one model in one process: every sample, phase by phase.
#pragma once

#include <optional>

#include "input_fit.hpp"
#include "listener.hpp"

namespace deepmark {

constexpr int most_warm_runs = 1000000, most_runs = 100000000;
constexpr double most_seconds = 86400;

struct BenchmarkSettings {
    EngineSettings engine;
    std::optional<Fit> fit;  // none: the bundle's own
    Sides size;              // of the network's input, or the largest one; zeros: the bundle's own
    int warm_runs = 3;       // at least, as is warm_seconds; none of them is measured
    double warm_seconds = 0;
    int runs = 0;                         // at most; 0: what `seconds` allows
    double seconds = 0;                   // at most; 0: what `runs` take
    std::string techniques = "manifest";  // or what read_techniques reads
    bool flip = false;                    // every run is of the picture and its mirror image
    double threshold = -1;                // least score of an object; below 0: the bundle's own

    // False: `error` says which is out of its range. The engine checks its own.
    bool check(std::string& error) const;
};

enum class BenchmarkEnd { done, cancelled, failed };

// Lines: events "start", "loaded", "warm", "sample" for each run, "end". Samples come in blocks, so
// that none is taken while another is written.
//
// picture_folder: binary PPM files, *.ppm, which take turns; of no more shapes than a pipeline
// keeps sessions, so that no session is made while the time is taken. failure: filled where it ends
// as `failed`.
BenchmarkEnd run_benchmark(const std::string& bundle_folder, const std::string& picture_folder,
                           const BenchmarkSettings& settings, Listener& listener, Failure& failure);

}  // namespace deepmark
