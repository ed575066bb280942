// The whole way of a picture: letterbox, normalise, network, decode, back to the picture, suppress.
#pragma once

#include "bundle.hpp"
#include "decoder.hpp"
#include "engine.hpp"
#include "flip_test.hpp"
#include "letterbox.hpp"
#include "nms.hpp"
#include "pixels.hpp"

namespace deepmark {

class Pipeline {
public:
    // height, width: 0 for the bundle's own.
    static std::unique_ptr<Pipeline> open(const std::string& path, const EngineSettings& settings,
                                          int height, int width, std::string& error);

    // The three steps, to be called in this order; each False with one sentence in `error` on
    // failure.
    template <class View>  // as deepmark::letterbox takes it
    bool letterbox(const View& picture, std::string& error) {
        image_height_ = picture.height;
        image_width_ = picture.width;
        return deepmark::letterbox(picture, warped_.data(), height_, width_, error);
    }
    bool run_network(std::string& error);
    bool decode(Detections& found, std::string& error);

    // Use this in place of letterbox: (height, width, 3) bytes of the network's own size.
    bool take_input(const Bytes& pixels);

    // Decode what the network gave with another decoder: in cells, not suppressed.
    bool decode_cells(Decoder& decoder, Detections& found, std::string& error);

    void set_params(const DecoderParams& params);

    // Whether every run is the mean of the picture and its mirror image: two runs of the network.
    // False, with one sentence in `error`, where nobody knows which landmarks are left and right.
    bool use_flip(bool on, std::string& error);

    // Of the arithmetic, as far as MNN tells: fp32, fp16 or int8; a GPU's as GpuFacts has it.
    const char* precision_used() const;

    const Bundle& bundle() const { return bundle_; }
    const Engine& engine() const { return *engine_; }
    const Output* output(const std::string& name) const;
    Regressions& regressions();
    const Map& hm() const { return hm_map_; }  // probabilities, once decoded; hm_hp may be empty
    const Map& hm_hp() const { return hm_hp_map_; }
    int winograd_level() const { return winograd_level_; }  // -1: MNN's own choice
    int height() const { return height_; }
    int width() const { return width_; }

private:
    Pipeline() = default;
    bool connect(std::string& error);
    Map map_of(const std::string& name) const;
    Map mirrored_map_of(const std::string& name) const;
    void place_heatmaps();
    bool run_on(bool mirrored, std::string& error);
    void average_heatmaps();

    Bundle bundle_;
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<Decoder> decoder_;
    Suppressor suppressor_;
    DenseHeads dense_;
    std::unique_ptr<SparseHeads> sparse_;
    std::vector<Output> mirrored_;  // what the network gave for the mirror image; empty: no flip
    DenseHeads mirrored_dense_;
    std::unique_ptr<FlippedRegressions> flipped_;
    std::vector<float> turned_;  // probabilities of the mirrored run, where those are logits
    Precision asked_ = Precision::fp32;
    int winograd_level_ = -1;
    int height_ = 0, width_ = 0;
    std::vector<float> table_;  // (3, 256): a pixel's value normalised
    Bytes warped_;
    std::vector<float> input_, hm_, hm_hp_;
    Map hm_map_, hm_hp_map_;
    int image_height_ = 0, image_width_ = 0;
};

}  // namespace deepmark
