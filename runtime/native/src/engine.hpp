// One network in MNN's Session API, with the API's hazards guarded.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "deepmark/deepmark.hpp"
#include "output.hpp"

namespace deepmark {

struct ModelFile {
    std::string path;
    std::string sha256;  // hex
    Parts parts;         // what its graph gives in one output; each is an output here
};

struct Input {
    std::string name;  // empty: the only one's, whatever that is
    std::vector<int> shape;
};

// How a GPU runs a network, where one does.
struct GpuFacts {
    std::string name;       // where it computes: "Mali-G76 (OpenCL, IMAGE)"
    std::string driver;     // its version
    int clock_mhz = 0;      // highest; 0 where it is not told
    int mode = 0;           // what MNN takes for storage and tuning
    std::string precision;  // really computed in: fp32, "fp16, sums in fp32", fp16
    std::string placement;  // "112 of 112 operators on " and the name; those on the CPU are named
    int operators = 0, on_cpu = 0;
    double create_ms = 0;    // reading the file and making the session
    double resize_ms = 0;    // compiling and tuning for the size
    double first_ms = 0;     // the first run, with copies in and out, operator by operator
    std::string kernels;     // what became of compiled kernels: "cached", or "compiled", and why
    double compiled_ms = 0;  // what those three take together with no kernels kept
    bool may_use_cpu = false;
};

class Engine {
public:
    static constexpr int longest_side = 8192;

    // Load a .mnn file for one input of (1, 3, height, width), both sides multiples of what the
    // network asks for (above 0). Null on failure, with one sentence in `error`.
    static std::unique_ptr<Engine> load(const ModelFile& model, int height, int width, int multiple,
                                        const EngineSettings& settings, std::string& error);

    // The same for these inputs and no others.
    static std::unique_ptr<Engine> load(const ModelFile& model, const std::vector<Input>& inputs,
                                        const EngineSettings& settings, std::string& error);

    // Run on as many floats for each input as its shape has, in the order that they were loaded in.
    // False on failure; outputs are then not to be read.
    bool run(std::initializer_list<const float*> inputs, std::string& error);

    const std::vector<Output>& outputs() const;
    const GpuFacts* gpu() const;  // null: it runs on the CPU
    int threads_used() const;     // as MNN reports it; it clamps silently; a GPU has none: 0
    float memory_mib() const;     // of the session, as MNN reports it; of a GPU's the least part
    float mflops() const;         // of one run, as MNN counts
    bool has_extensions() const;  // MNN chose its back end of a CPU's better instructions
    static const char* mnn_version();

    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace deepmark
