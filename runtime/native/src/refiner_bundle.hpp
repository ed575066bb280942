// An unpacked bundle folder of a refiner: its manifest, checked, and its files by their sha256.
#pragma once

#include "manifest.hpp"

namespace deepmark {

struct RefinerBundle {
    std::string path, name;
    int height = 0, width = 0;               // of the part of the picture that it sees, in pixels
    Schema schema;                           // of the detector that it belongs to
    std::vector<ClassDrawing> drawings;      // one a class
    std::vector<std::vector<int>> channels;  // one a landmark, class by class; empty: not refined
    int num_channels = 0;
    Files files;

    std::string model_path() const { return path + "/model.mnn"; }
    std::string model_sha256() const { return files.at("model.mnn").sha256; }

    // Read and check the manifest, and every listed file against its length and sha256. False:
    // `error` says why.
    static bool open(const std::string& path, RefinerBundle& bundle, std::string& error);
};

}  // namespace deepmark
