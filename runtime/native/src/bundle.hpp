// An unpacked bundle folder NAME.deepmark: its manifest, checked, and its files by their sha256.
#pragma once

#include <array>
#include <map>

#include "bytes.hpp"
#include "deepmark/deepmark.hpp"
#include "manifest.hpp"
#include "output.hpp"
#include "params.hpp"
#include "sparse_heads.hpp"

namespace deepmark {

struct Bundle {
    std::string path, name, precision;        // precision of the weights: fp32, fp16, w8 or int8
    int height = 0, width = 0, multiple = 0;  // pixels
    bool dynamic = false;                     // accepts other sizes
    Fit fit = Fit::square;                    // that it is used with, where nobody asks otherwise
    int winograd_level = -1;  // that the model was proven with; -1: MNN's own choice
    std::array<double, 3> mean{}, deviation{};  // of pixels in [0, 1]; blue, green, red
    bool sparse = false, logits = false;
    std::map<std::string, int> channels;  // of every output of the graph
    std::map<std::string, int> gathered;  // of the heads that a sparse graph leaves to the runtime
    Parts parts;  // what the graph gives in one output, in order; empty: nothing
    Schema schema;
    std::vector<ClassDrawing> drawings;  // one a class
    DecoderParams decoder;
    Files files;

    std::string model_path() const { return path + "/model.mnn"; }
    std::string model_sha256() const { return files.at("model.mnn").sha256; }

    // Read and check the manifest, and every listed file against its length and sha256. False:
    // `error` says why.
    static bool open(const std::string& path, Bundle& bundle, std::string& error);

    // Read a listed file, checked again.
    bool read(const std::string& file, Bytes& content, std::string& error) const;

    // Read heads.npz of a sparse graph.
    bool read_weights(HeadWeights& weights, std::string& error) const;
};

}  // namespace deepmark
