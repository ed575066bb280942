// A network at one size of its input: a session of its own, and its outputs as heads.
#pragma once

#include "bundle.hpp"
#include "engine.hpp"
#include "flip_test.hpp"
#include "input_fit.hpp"

namespace deepmark {

class ShapeSession {
public:
    // bundle, sparse: outlive the session.
    // sparse: computes the heads of a sparse graph, for one session at a time; null: dense.
    // Null on failure, with one sentence in `error`.
    static std::unique_ptr<ShapeSession> load(const Bundle& bundle, SparseHeads* sparse,
                                              const Sides& input, const EngineSettings& settings,
                                              std::string& error);

    // Whether every run is of the picture and its mirror image, and heads are the mean of both.
    void use_flip(bool on);

    // Run on pixels(). Outputs are read until the next run.
    bool run(std::string& error);

    // Make probabilities of the last run's heatmaps, for hm() and hm_hp().
    void make_heatmaps();

    const Sides& input() const { return input_; }
    std::uint8_t* pixels() { return pixels_.data(); }  // (height, width, 3), BGR
    const Engine& engine() const { return *engine_; }
    const Output* output(const std::string& name) const;
    Regressions& regressions();
    const Map& hm() const { return hm_map_; }
    const Map& hm_hp() const { return hm_hp_map_; }  // may be empty

private:
    ShapeSession(const Bundle& bundle, SparseHeads* sparse, const Sides& input);
    bool connect(std::string& error);
    bool run_on(bool mirrored, std::string& error);
    Map map_of(const std::string& name) const;
    Map mirrored_map_of(const std::string& name) const;
    DenseHeads dense_heads(bool mirrored) const;
    void place_heatmaps();
    void take(const std::string& name, std::vector<float>& to) const;  // an output's values
    void average_heatmap(const std::string& name, const std::vector<int>& source,
                         std::vector<float>& to);

    const Bundle& bundle_;
    SparseHeads* sparse_;
    Sides input_;
    std::unique_ptr<Engine> engine_;
    DenseHeads dense_, mirrored_dense_;
    KeptOutputs mirrored_;  // what the network gave for the mirror image; empty: no flip
    std::unique_ptr<FlippedRegressions> flipped_;
    std::vector<float> turned_;  // probabilities of the mirrored run, where those are logits
    std::vector<float> table_;   // (3, 256): a pixel's value normalised
    Bytes pixels_;
    std::vector<float> values_, hm_, hm_hp_;  // values_: (3, height, width)
    Map hm_map_, hm_hp_map_;
};

}  // namespace deepmark
