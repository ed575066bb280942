// One network in MNN's Session API, with the API's hazards guarded.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace deepmark {

enum class Precision { fp32, fp16 };

struct EngineSettings {
    int threads = 1;                         // 1 to 64
    Precision precision = Precision::fp32;   // fp16 only where the processor has it: x86 stays fp32
    int winograd_level = -1;                 // MNN's WINOGRAD_MEMORY_LEVEL, 0 and up; -1: MNN's own choice
};

// One output: (channels, height, width) float32, rows first. `values` is overwritten by the next run.
struct Output {
    std::string name;
    int channels = 0, height = 0, width = 0;
    std::vector<float> values;
};

class Engine {
public:
    static constexpr int multiple = 32;      // both sides of the input
    static constexpr int longest_side = 8192;

    // Load a .mnn file for one input of (1, 3, height, width). Null on failure, with one sentence in `error`.
    static std::unique_ptr<Engine> load(const std::string& path, int height, int width,
                                        const EngineSettings& settings, std::string& error);

    // Run on 3 * height * width floats, channels first. False on failure; outputs are then not to be read.
    bool run(const float* input, std::string& error);

    const std::vector<Output>& outputs() const;
    int threads_used() const;                // as MNN reports it; it clamps silently
    float memory_mib() const;                // of the session, as MNN reports it

    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace deepmark
