// Landmarks that a detector found -> the same landmarks, nearer to where they are (PoseFix), as
// runtime/refinement/refiner.py.
#pragma once

#include "bundle.hpp"
#include "engine.hpp"
#include "pose_crop.hpp"
#include "refiner_bundle.hpp"

namespace deepmark {

// One or several loaded refiners: one for all classes, or one a class.
class Refinement {
public:
    // paths: unpacked bundle folders, each for other classes. It computes on the CPU and in
    // fp32 whatever the settings say: in fp16 a position beyond 256 pixels has steps of a quarter.
    // Null on failure, with one sentence in `error`.
    static std::unique_ptr<Refinement> open(const std::vector<std::string>& paths,
                                            const EngineSettings& settings, std::string& error);

    // Require that a detector finds the landmarks that are refined, however grouped. False: `error`
    // says which it finds.
    bool require_detector(const Bundle& detector, std::string& error) const;

    // Move the landmarks of objects with a score of least_refined_score or more; all else stays.
    //
    // picture: that they were found in.
    // found: objects in its pixels.
    // False: `error` says why, and `found` may be refined in part.
    bool refine(const BgrView& picture, Detections& found, std::string& error);

private:
    struct Loaded {
        RefinerBundle bundle;
        std::unique_ptr<Engine> engine;
        Bytes crop;                      // (height, width, 3)
        std::vector<float> image, pose;  // (3, height, width), (num_channels, 3)
    };

    bool assign(std::string& error);
    static bool refine_one(Loaded& refiner, const BgrView& picture, const Object& one,
                           Landmark* landmarks, std::string& error);

    std::vector<Loaded> refiners_;
    std::vector<int> by_class_;  // number of the refiner of each class; -1: none
};

}  // namespace deepmark
