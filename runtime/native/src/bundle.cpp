#include "bundle.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "archive.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

void read_channels(const Json& from, std::map<std::string, int>& channels, Fields& fields) {
    for (const auto& [name, count] : from.members)
        channels[name] = fields.whole(count.value, "channels", 1, most_channels);
}

void read_flip_pairs(const Json& manifest, Schema& schema, Fields& fields) {
    for (int group = 0; group < schema.num_groups; ++group) schema.mirror_groups.push_back(group);
    for (const Json& pair : fields.get(manifest, "flip_pairs", Json::array).items) {
        fields.require(pair.kind == Json::array && pair.items.size() == 2 &&
                           pair.items[0].kind == Json::number && pair.items[1].kind == Json::number,
                       "the field flip_pairs must hold pairs of numbers");
        if (!fields.good()) return;
        const int one = fields.whole(pair.items[0].value, "flip_pairs", 0, schema.num_groups - 1);
        const int other = fields.whole(pair.items[1].value, "flip_pairs", 0, schema.num_groups - 1);
        if (!fields.good()) return;
        auto& mirror = schema.mirror_groups;
        fields.require(mirror[std::size_t(one)] == one && mirror[std::size_t(other)] == other,
                       "flip_pairs names a group twice");
        mirror[std::size_t(one)] = other;
        mirror[std::size_t(other)] = one;
    }
}

void read_decoder(const Json& from, DecoderParams& to, Fields& fields) {
    to.alpha = fields.number(from, "alpha");
    to.sigma_center = fields.number(from, "sigma_center");
    to.sigma_keypoint = fields.number(from, "sigma_keypoint");
    to.gamma = fields.number(from, "gamma");
    to.mask = fields.truth(from, "mask");
    to.top_k = fields.integer(from, "top_k", 1, 1 << 24);
    to.keypoint_threshold = fields.number(from, "keypoint_threshold");
    const Json* nms = from.find("nms");
    if (nms && nms->kind != Json::null)
        to.nms = fields.second(from, "nms", "soft", "hard") ? Nms::hard : Nms::soft;
    to.score_threshold = fields.number(from, "score_threshold");
    to.border_replicate = fields.second(from, "border", "zero", "replicate");
    to.threshold_on_raw = fields.second(from, "threshold_on", "rescored", "raw");
    to.skip_unrefined = fields.second(from, "unrefined", "zero", "skip");
    to.nms_iou = fields.number(from, "nms_iou");
    to.nms_sigma = fields.number(from, "nms_sigma");
    to.nms_score = fields.number(from, "nms_score");
    std::string wrong;
    if (fields.good() && !to.check(wrong)) fields.require(false, wrong);
}

void read_input(const Json& manifest, Bundle& bundle, Fields& fields) {
    const Json& input = fields.get(manifest, "input", Json::object);
    bundle.height = fields.integer(input, "height", 1, 1 << 14);
    bundle.width = fields.integer(input, "width", 1, 1 << 14);
    bundle.multiple = fields.integer(input, "multiple", stride, 1 << 14);
    bundle.dynamic = fields.truth(input, "dynamic");
    if (input.find("fit") && fields.second(input, "fit", "square", "rect")) bundle.fit = Fit::rect;
    fields.require(bundle.dynamic || bundle.fit == Fit::square,
                   "fit must be square where the model takes one size only");
    fields.require(std::int64_t(bundle.height) * bundle.width <= max_input_pixels,
                   "the input has too many pixels");
    const Json& preprocess = fields.get(manifest, "preprocess", Json::object);
    fields.require(fields.text(preprocess, "color") == "BGR" &&
                       fields.text(preprocess, "resize") == "centernet-affine",
                   "preprocess must be BGR and centernet-affine");
    const auto read_three = [&](const char* name, std::array<double, 3>& to) {
        const auto& items = fields.get(preprocess, name, Json::array).items;
        fields.require(items.size() == 3,
                       std::string("the field ") + name + " must hold three numbers");
        for (std::size_t i = 0; i < std::min(items.size(), to.size()); ++i) to[i] = items[i].value;
    };
    read_three("mean", bundle.mean);
    read_three("std", bundle.deviation);
    fields.require(*std::min_element(bundle.deviation.begin(), bundle.deviation.end()) > 0,
                   "std must be above 0");
}

void read_parts(const Json& joined, Bundle& bundle, Fields& fields) {
    auto unnamed = bundle.channels;
    for (const Json& one : joined.items) {
        const auto at = one.kind == Json::string ? unnamed.find(one.text) : unnamed.end();
        fields.require(at != unnamed.end(), "heads.joined must name each of heads.channels once");
        if (!fields.good()) return;
        bundle.parts.push_back({at->first, at->second});
        unnamed.erase(at);
    }
    fields.require(unnamed.empty(),
                   "heads.joined lacks " + (unnamed.empty() ? "" : unnamed.begin()->first));
}

void read_heads(const Json& manifest, Bundle& bundle, Fields& fields) {
    const Json& heads = fields.get(manifest, "heads", Json::object);
    bundle.sparse = fields.second(heads, "layout", "dense", "sparse");
    bundle.logits = fields.second(heads, "activation", "probabilities", "logits");
    fields.integer(heads, "stride", stride, stride);
    read_channels(fields.get(heads, "channels", Json::object), bundle.channels, fields);
    if (heads.find("joined")) read_parts(fields.get(heads, "joined", Json::array), bundle, fields);
    if (bundle.sparse) {
        const Json& gathered = fields.get(heads, "gathered", Json::object);
        read_channels(fields.get(gathered, "channels", Json::object), bundle.gathered, fields);
        const auto found = bundle.files.find("heads.npz");
        fields.require(
            found != bundle.files.end() && found->second.sha256 == fields.text(gathered, "sha256"),
            "heads.npz does not belong to this model");
        fields.require(bundle.channels.count("features") == 1, "heads.channels lacks features");
    }
    std::map<std::string, int> expected = {
        {"hm", int(bundle.schema.groups.size())}, {"wh", 2}, {"reg", 2}};
    const int groups = bundle.schema.num_groups;
    if (groups) expected.insert({{"hps", 2 * groups}, {"hm_hp", groups}, {"hp_offset", 2}});
    for (const auto* channels : {&bundle.channels, &bundle.gathered})
        for (const auto& [name, count] : *channels) {
            if (name == "features" && bundle.sparse) continue;
            const auto known = expected.find(name);
            fields.require(known != expected.end() && known->second == count,
                           "heads.channels holds a wrong " + name);
        }
    const auto& regressed = bundle.sparse ? bundle.gathered : bundle.channels;
    fields.require(bundle.channels.count("hm") && regressed.count("wh"),
                   "heads.channels lacks hm or wh");
    fields.require(!groups || regressed.count("hps"), "heads.channels lacks hps");
}

bool read_layers(const std::map<std::string, Array>& arrays, const std::string& name, int features,
                 int rows, HeadLayers& head) {
    const auto shaped = [&](const std::string& key, const std::vector<int>& shape) -> const Array* {
        const auto found = arrays.find(key);
        return found != arrays.end() && found->second.shape == shape ? &found->second : nullptr;
    };
    if (const Array* weight = shaped(name + ".weight", {rows, features, 1, 1})) {
        const Array* bias = shaped(name + ".bias", {rows});
        if (bias) head.last = {rows, features, weight->values, bias->values};
        return bias != nullptr;
    }
    const auto bias_at = arrays.find(name + ".0.bias");
    if (bias_at == arrays.end() || bias_at->second.shape.size() != 1) return false;
    const int hidden = bias_at->second.shape[0];
    const Array *first = shaped(name + ".0.weight", {hidden, features, 3, 3}),
                *last = shaped(name + ".2.weight", {rows, hidden, 1, 1}),
                *bias = shaped(name + ".2.bias", {rows});
    if (!first || !last || !bias || hidden < 1) return false;
    head.first = {hidden, features * 9, first->values, bias_at->second.values};
    head.last = {rows, hidden, last->values, bias->values};
    return true;
}

}  // namespace

bool Bundle::open(const std::string& path, Bundle& bundle, std::string& error) {
    bundle = Bundle{};
    bundle.path = path;
    Json manifest;
    if (!read_manifest(path, "detector", manifest, error)) return false;
    std::string fault;
    Fields fields(fault);
    bundle.name = fields.text(manifest, "name");
    bundle.precision = fields.text(manifest, "precision");
    if (manifest.find("winograd_level"))
        bundle.winograd_level = fields.integer(manifest, "winograd_level", 0, 3);
    bundle.files = read_files(manifest, fields);
    fields.require(bundle.files.count("model.mnn") == 1, "it lists no model.mnn");
    read_input(manifest, bundle, fields);
    const Json& keypoints = fields.get(manifest, "keypoints", Json::object);
    read_schema(keypoints, bundle.schema, bundle.drawings, fields);
    read_flip_pairs(manifest, bundle.schema, fields);
    read_heads(manifest, bundle, fields);
    read_decoder(fields.get(manifest, "decoder", Json::object), bundle.decoder, fields);
    if (!fields.good()) {
        error = damaged(path, fault);
        return false;
    }
    return check_files(path, bundle.files, error);
}

bool Bundle::read(const std::string& file, Bytes& content, std::string& error) const {
    const auto entry = files.find(file);
    if (entry == files.end()) {
        error = path + " lists no file " + file;
        return false;
    }
    if (!read_file(path + "/" + file, std::size_t(entry->second.bytes), content, error))
        return false;
    if (sha256(content.data(), content.size()) == entry->second.sha256) return true;
    error = path + ": the file " + file + " changed since the bundle was opened";
    return false;
}

bool Bundle::read_weights(HeadWeights& weights, std::string& error) const {
    Bytes content;
    std::map<std::string, Array> arrays;
    if (!read("heads.npz", content, error)) return false;
    if (!read_npz(content, arrays, error)) {
        error = path + "/heads.npz: " + error;
        return false;
    }
    weights.features = channels.at("features");
    const std::pair<const char*, HeadLayers*> heads[] = {{"wh", &weights.wh},
                                                         {"hps", &weights.hps},
                                                         {"reg", &weights.reg},
                                                         {"hp_offset", &weights.hp_offset}};
    for (const auto& [head_name, head] : heads) {
        const auto wanted = gathered.find(head_name);
        if (wanted == gathered.end()) continue;
        const HeadLayers& like = weights.wh;
        if (!read_layers(arrays, head_name, weights.features, wanted->second, *head) ||
            head->first.rows != like.first.rows) {
            error = path + "/heads.npz does not fit its model: the arrays of " + head_name;
            return false;
        }
    }
    return true;
}

}  // namespace deepmark
