// The whole way of a picture: letterbox, normalise, network, decode, back to the picture, suppress.
#pragma once

#include <optional>

#include "bundle.hpp"
#include "decoder.hpp"
#include "letterbox.hpp"
#include "nms.hpp"
#include "picture.hpp"
#include "shape_session.hpp"

namespace deepmark {

// What a picture becomes as the network's input.
struct InputChoice {
    std::optional<Fit> fit;        // none: the bundle's own, as of a model of one size always
    Sides size;                    // zeros: the bundle's own
    Sides first_picture = {4, 3};  // whose shape the first session is for: a photograph, upright
    // Sessions that are kept; that which was used last before the others goes. MNN keeps the
    // algorithms of a session's first size, so none is ever resized. Each holds the weights anew.
    std::size_t sessions = 2;
};

class Pipeline {
public:
    static std::unique_ptr<Pipeline> open(const std::string& path, const EngineSettings& settings,
                                          const InputChoice& choice, std::string& error);

    // The three steps, to be called in this order; each False with one sentence in `error` on
    // failure.
    template <class View>  // as deepmark::letterbox takes it
    bool letterbox(const View& picture, std::string& error) {
        const Sides sides = {picture.height, picture.width};
        if (!require_sides(sides.height, sides.width, error) || !prepare(input_for(sides), error))
            return false;
        picture_ = sides;
        return deepmark::letterbox(picture, session().pixels(), session().input(), error);
    }
    bool run_network(std::string& error);
    bool decode(Detections& found, std::string& error);

    // Use these pixels, BGR, as the network's input: in place of letterbox.
    bool take_input(const Picture& picture, std::string& error);

    // Decode what the network gave with another decoder: in cells, not suppressed.
    bool decode_cells(Decoder& decoder, Detections& found, std::string& error);

    void set_params(const DecoderParams& params);

    // What the network's input becomes from the next picture on. False, and nothing changes, where
    // the model takes one size only.
    bool use_fit(Fit fit, std::string& error);
    static constexpr char fit_hint[] = "leave --fit out, or export the model again without --fixed";

    // Whether every run is the mean of the picture and its mirror image: two runs of the network.
    // False, with one sentence in `error`, where nobody knows which landmarks are left and right.
    bool use_flip(bool on, std::string& error);

    // Of the arithmetic, as far as MNN tells: fp32, fp16 or int8; a GPU's as GpuFacts has it.
    const char* precision_used() const;

    // The session that was used last: of the size that the last picture asked for.
    ShapeSession& session() { return *sessions_.front(); }
    const ShapeSession& session() const { return *sessions_.front(); }

    // Have a session for an input of this size, and use it.
    bool prepare(const Sides& input, std::string& error);

    Sides input_for(const Sides& picture) const {
        return input_size(picture, size_, bundle_.multiple, fit_);
    }
    const Bundle& bundle() const { return bundle_; }
    Fit fit() const { return fit_; }
    const Sides& size() const { return size_; }  // the largest input
    std::size_t most_sessions() const { return most_sessions_; }
    int winograd_level() const { return settings_.winograd_level; }  // -1: MNN's own choice

private:
    Pipeline() = default;

    Bundle bundle_;
    EngineSettings settings_;
    Fit fit_ = Fit::square;
    Sides size_;
    std::size_t most_sessions_ = 0;
    bool flip_ = false;
    std::unique_ptr<SparseHeads> sparse_;
    std::vector<std::unique_ptr<ShapeSession>> sessions_;  // that which was used last is the first
    std::unique_ptr<Decoder> decoder_;
    Suppressor suppressor_;
    Sides picture_;
};

}  // namespace deepmark
