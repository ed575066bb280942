#include "refinement.hpp"

#include <algorithm>
#include <cmath>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

// The first classes or landmarks in which two models differ, of each; empty where they are the
// same.
struct Difference {
    std::string mine, theirs;
};

std::string quoted_name(const std::string& name) { return "'" + name + "'"; }

std::string shown(const std::vector<std::string>& classes) {
    const std::string first = quoted_name(classes[0]);
    return classes.size() == 1 ? first : std::to_string(classes.size()) + " classes from " + first;
}

template <class One, class Other>
Difference difference(const One& one, const Other& other) {
    const auto& names = one.schema.class_names;
    const auto& others = other.schema.class_names;
    if (names.size() != others.size()) return {shown(names), shown(others)};
    for (std::size_t at = 0; at < names.size(); ++at) {
        const std::string name = quoted_name(names[at]);
        if (names[at] != others[at])
            return {"class " + std::to_string(at + 1) + ", " + name, quoted_name(others[at])};
        const std::size_t count = one.schema.groups[at].size(),
                          other_count = other.schema.groups[at].size();
        if (count != other_count)
            return {std::to_string(count) + " landmarks of " + name, std::to_string(other_count)};
        const auto& points = one.drawings[at].landmark_names;
        const auto& other_points = other.drawings[at].landmark_names;
        const auto [mine, theirs] =
            std::mismatch(points.begin(), points.end(), other_points.begin(), other_points.end());
        if (mine != points.end() && theirs != other_points.end())
            return {quoted_name(*mine) + " as landmark " +
                        std::to_string(mine - points.begin() + 1) + " of " + name,
                    quoted_name(*theirs)};
    }
    return {};
}

}  // namespace

std::unique_ptr<Refinement> Refinement::open(const std::vector<std::string>& paths,
                                             const EngineSettings& settings, std::string& error) {
    std::unique_ptr<Refinement> made(new Refinement);
    if (paths.empty()) {
        error = "there is no refiner to load";
        return nullptr;
    }
    for (const std::string& path : paths) {
        Loaded one;
        if (!RefinerBundle::open(path, one.bundle, error)) return nullptr;
        made->refiners_.push_back(std::move(one));
    }
    if (!made->assign(error)) return nullptr;
    EngineSettings obeyed = settings;
    obeyed.precision = Precision::fp32;
    obeyed.compute = Compute::cpu;  // no GPU was proven to run a refiner
    for (Loaded& one : made->refiners_) {
        const int height = one.bundle.height, width = one.bundle.width,
                  channels = one.bundle.num_channels;
        const std::vector<Input> inputs = {{"image", {1, 3, height, width}},
                                           {"pose", {1, channels, 3}}};
        one.engine = Engine::load({one.bundle.model_path(), one.bundle.model_sha256(), {}}, inputs,
                                  obeyed, error);
        if (!one.engine) return nullptr;
        const auto& outputs = one.engine->outputs();
        if (outputs.size() != 1 || outputs[0].shape != std::vector<int>{1, channels, 2}) {
            error = one.bundle.model_path() +
                    ": expected one output with two numbers for each of " +
                    std::to_string(channels) + " landmarks";
            return nullptr;
        }
        const std::size_t values = std::size_t(3) * std::size_t(height) * std::size_t(width);
        one.crop.resize(values);
        one.image.resize(values);
        one.pose.resize(std::size_t(3) * std::size_t(channels));
    }
    return made;
}

// Find the refiner of each class.
bool Refinement::assign(std::string& error) {
    const RefinerBundle& first = refiners_[0].bundle;
    by_class_.assign(first.channels.size(), -1);
    for (std::size_t number = 0; number < refiners_.size(); ++number) {
        const RefinerBundle& bundle = refiners_[number].bundle;
        const Difference found = difference(first, bundle);
        if (!found.mine.empty()) {
            error = first.path + " and " + bundle.path + " are for different landmarks: for " +
                    found.mine + ", and for " + found.theirs;
            return false;
        }
        for (std::size_t at = 0; at < by_class_.size(); ++at) {
            if (bundle.channels[at].empty()) continue;
            if (by_class_[at] >= 0) {
                error = bundle.path + " and " + refiners_[std::size_t(by_class_[at])].bundle.path +
                        " both refine '" + bundle.schema.class_names[at] + "'";
                return false;
            }
            by_class_[at] = int(number);
        }
    }
    return true;
}

bool Refinement::require_detector(const Bundle& detector, std::string& error) const {
    if (!detector.schema.num_groups) {
        error = detector.path + " finds boxes only: it has no landmarks to refine";
        return false;
    }
    const Difference found = difference(refiners_[0].bundle, detector);
    if (found.mine.empty()) return true;
    error = "the refiner is for other landmarks than " + detector.path + " finds: for " +
            found.mine + ", not for " + found.theirs;
    return false;
}

bool Refinement::refine(const BgrView& picture, Detections& found, std::string& error) {
    const int total = int(found.landmarks.size());
    for (const Object& one : found.objects) {
        if (one.score < float(least_refined_score)) continue;
        if (one.class_id < 0 || one.class_id >= int(by_class_.size())) {
            error = "an object is of class " + std::to_string(one.class_id) +
                    ", the refiner knows " + std::to_string(by_class_.size());
            return false;
        }
        const auto at = std::size_t(one.class_id);
        const int expected = int(refiners_[0].bundle.schema.groups[at].size());
        if (one.count != expected || one.first < 0 || one.first > total - one.count) {
            error = "an object of class '" + refiners_[0].bundle.schema.class_names[at] + "' has " +
                    std::to_string(one.count) + " landmarks, expected " + std::to_string(expected);
            return false;
        }
        if (by_class_[at] >= 0 && !refine_one(refiners_[std::size_t(by_class_[at])], picture, one,
                                              &found.landmarks[std::size_t(one.first)], error))
            return false;
    }
    return true;
}

bool Refinement::refine_one(Loaded& refiner, const BgrView& picture, const Object& one,
                            Landmark* landmarks, std::string& error) {
    const RefinerBundle& bundle = refiner.bundle;
    PoseCrop crop;
    if (!PoseCrop::of_pose(landmarks, one.count, bundle.height, bundle.width, crop, error) ||
        !crop.cut(picture, refiner.crop.data(), error))
        return false;
    const std::size_t pixels = refiner.crop.size() / 3;
    for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t i = 0; i < pixels; ++i)
            refiner.image[channel * pixels + i] = float(refiner.crop[3 * i + channel]);
    const std::vector<int>& channels = bundle.channels[std::size_t(one.class_id)];
    std::fill(refiner.pose.begin(), refiner.pose.end(), 0.0f);
    for (std::size_t i = 0; i < channels.size(); ++i) {
        float* pose = &refiner.pose[std::size_t(3) * std::size_t(channels[i])];
        pose[0] = float(crop.to_input(double(landmarks[i].x), 0));
        pose[1] = float(crop.to_input(double(landmarks[i].y), 1));
        pose[2] = 1;
    }
    if (!refiner.engine->run({refiner.image.data(), refiner.pose.data()}, error)) return false;
    const Output& given = refiner.engine->outputs()[0];
    const float* points = given.values;
    if (!std::all_of(points, points + given.count(),
                     [](float value) { return std::isfinite(value); })) {
        error = "the refiner " + bundle.path + " gave no finite positions";
        return false;
    }
    for (std::size_t i = 0; i < channels.size(); ++i) {
        const float* point = &points[std::size_t(2) * std::size_t(channels[i])];
        landmarks[i].x = float(crop.to_picture(double(point[0]), 0));
        landmarks[i].y = float(crop.to_picture(double(point[1]), 1));
    }
    return true;
}

}  // namespace deepmark
