#include "refiner_bundle.hpp"

#include <algorithm>

#include "shared_numbers.hpp"

namespace deepmark {
namespace {

void read_input(const Json& manifest, RefinerBundle& bundle, Fields& fields) {
    const Json& input = fields.get(manifest, "input", Json::object);
    const auto side = [&](const char* name) {
        const int found = fields.integer(input, name, refiner_multiple, longest_refiner_side);
        fields.require(found % refiner_multiple == 0, std::string("the field ") + name +
                                                          " must be a multiple of " +
                                                          std::to_string(refiner_multiple));
        return found;
    };
    bundle.height = side("height");
    bundle.width = side("width");
    fields.require(fields.text(input, "crop") == "posefix", "the field crop must be posefix");
}

void read_channels(const Json& manifest, RefinerBundle& bundle, Fields& fields) {
    const auto& classes = fields.get(manifest, "channels", Json::array).items;
    const auto& groups = bundle.schema.groups;
    bundle.num_channels = fields.integer(manifest, "num_channels", 1, most_channels);
    fields.require(classes.size() == groups.size(), "channels must have an entry for each class");
    bool any = false;
    for (std::size_t at = 0; at < classes.size() && fields.good(); ++at) {
        fields.require(classes[at].kind == Json::array, "the field channels must hold lists");
        std::vector<int> channels;
        for (const Json& one : classes[at].items) {
            fields.require(one.kind == Json::number, "the field channels must hold numbers");
            channels.push_back(fields.whole(one.value, "channels", 0, bundle.num_channels - 1));
        }
        fields.require(channels.empty() || channels.size() == groups[at].size(),
                       "a class that is refined must have a channel for each of its landmarks");
        std::vector<int> sorted = channels;
        std::sort(sorted.begin(), sorted.end());
        fields.require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
                       "two landmarks of a class have one channel");
        any = any || !channels.empty();
        bundle.channels.push_back(std::move(channels));
    }
    fields.require(any, "channels must name at least one class's landmarks");
}

}  // namespace

bool RefinerBundle::open(const std::string& path, RefinerBundle& bundle, std::string& error) {
    bundle = RefinerBundle{};
    bundle.path = path;
    Json manifest;
    if (!read_manifest(path, "refiner", manifest, error)) return false;
    std::string fault;
    Fields fields(fault);
    bundle.name = fields.text(manifest, "name");
    bundle.files = read_files(manifest, fields);
    read_input(manifest, bundle, fields);
    const Json& keypoints = fields.get(manifest, "keypoints", Json::object);
    read_schema(keypoints, bundle.schema, bundle.drawings, fields);
    read_channels(manifest, bundle, fields);
    if (!fields.good()) {
        error = damaged(path, fault);
        return false;
    }
    if (!bundle.files.count("model.mnn")) {
        error = path + " has no model for MNN: export the refiner again, to mnn";
        return false;
    }
    return check_files(path, bundle.files, error);
}

}  // namespace deepmark
