#include "bundle.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "archive.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

constexpr int most_channels = 4096;

// Reads fields, and remembers the first that is missing or wrong.
class Fields {
public:
    explicit Fields(std::string& fault) : fault_(fault) {}

    const Json& get(const Json& from, const char* name, Json::Kind kind) {
        static const Json nothing;
        const Json* found = from.find(name);
        if (found && found->kind == kind) return *found;
        if (fault_.empty())
            fault_ = std::string("the field ") + name + " is missing or of another type";
        return nothing;
    }
    std::string text(const Json& from, const char* name) {
        return get(from, name, Json::string).text;
    }
    bool truth(const Json& from, const char* name) { return get(from, name, Json::boolean).truth; }
    double number(const Json& from, const char* name) {
        return get(from, name, Json::number).value;
    }
    int integer(const Json& from, const char* name, int low, int high) {
        return whole(number(from, name), name, low, high);
    }
    int whole(double value, const char* name, int low, int high) {
        if (value == std::floor(value) && value >= low && value <= high) return int(value);
        require(false, std::string("the field ") + name + " must be a whole number from " +
                           std::to_string(low) + " to " + std::to_string(high));
        return low;
    }
    // One of two words; true for the second.
    bool second(const Json& from, const char* name, const char* first, const char* other) {
        const std::string found = text(from, name);
        require(found == first || found == other,
                std::string("the field ") + name + " must be " + first + " or " + other);
        return found == other;
    }
    void require(bool holds, const std::string& what) {
        if (!holds && fault_.empty()) fault_ = what;
    }
    bool good() const { return fault_.empty(); }

private:
    std::string& fault_;
};

bool is_sha256(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool stays_inside(const std::string& name) {
    if (name.empty() || name.size() > 255 ||
        name.find_first_of(std::string("\\:\0", 3)) != std::string::npos)
        return false;
    for (std::size_t start = 0; start <= name.size();) {
        const std::size_t end = std::min(name.find('/', start), name.size());
        const std::string part = name.substr(start, end - start);
        if (part.empty() || part == "." || part == "..") return false;
        start = end + 1;
    }
    return true;
}

// The manifest's checksum is of its own text with zeros in place of the checksum.
bool checksum_holds(const Bytes& content) {
    std::string text(content.begin(), content.end());
    static const std::string key = "\"checksum\":";
    std::size_t at = text.find(key);
    if (at == std::string::npos) return false;
    at += key.size();
    if (at < text.size() && text[at] == ' ') ++at;
    if (text.size() < at + 66 || text[at] != '"') return false;
    const std::string stated = text.substr(at + 1, 64);
    text.replace(at + 1, 64, 64, '0');
    return sha256(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) == stated;
}

void read_channels(const Json& from, std::map<std::string, int>& channels, Fields& fields) {
    for (const auto& [name, count] : from.members)
        channels[name] = fields.whole(count.value, "channels", 1, most_channels);
}

// Both fields may be missing: a program that detects needs neither.
ClassDrawing read_drawing(const Json& from, int landmarks, Fields& fields) {
    static const Json nothing;
    const auto items = [&](const char* name) -> const std::vector<Json>& {
        return from.find(name) ? fields.get(from, name, Json::array).items : nothing.items;
    };
    ClassDrawing drawing;
    for (const Json& one : items("keypoint_names")) {
        fields.require(one.kind == Json::string, "the field keypoint_names must hold names");
        drawing.landmark_names.push_back(one.text);
    }
    fields.require(
        drawing.landmark_names.empty() || drawing.landmark_names.size() == std::size_t(landmarks),
        "a class must have a name for each of its landmarks");
    for (const Json& line : items("outline")) {
        fields.require(line.kind == Json::array, "the field outline must hold lines");
        drawing.outline.emplace_back();
        for (const Json& point : line.items) {
            fields.require(point.kind == Json::number, "the field outline must hold numbers");
            drawing.outline.back().push_back(
                fields.whole(point.value, "outline", 0, landmarks - 1));
        }
    }
    return drawing;
}

void read_schema(const Json& keypoints, Bundle& bundle, Fields& fields) {
    Schema& schema = bundle.schema;
    const auto count = fields.get(keypoints, "group_names", Json::array).items.size();
    fields.require(count <= most_channels, "the number of landmark groups must be 0 to 4096");
    schema.num_groups = int(std::min(count, std::size_t(most_channels)));
    for (const Json& one : fields.get(keypoints, "classes", Json::array).items) {
        schema.class_names.push_back(fields.text(one, "name"));
        std::vector<int> groups;
        for (const Json& group : fields.get(one, "groups", Json::array).items) {
            fields.require(group.kind == Json::number, "the field groups must hold numbers");
            groups.push_back(fields.whole(group.value, "groups", 0, schema.num_groups - 1));
        }
        std::vector<double> sigmas;
        for (const Json& sigma : fields.get(one, "sigmas", Json::array).items) {
            fields.require(sigma.kind == Json::number && sigma.value > 0,
                           "the field sigmas must hold numbers above 0");
            sigmas.push_back(sigma.value);
        }
        fields.require(groups.empty() == !schema.num_groups,
                       "a class has no landmarks, but other classes have");
        fields.require(sigmas.size() == groups.size(),
                       "a class must have a sigma for each of its landmarks");
        bundle.drawings.push_back(read_drawing(one, int(groups.size()), fields));
        schema.groups.push_back(std::move(groups));
        schema.sigmas.push_back(std::move(sigmas));
    }
    fields.require(!schema.groups.empty() && schema.groups.size() <= most_channels,
                   "the number of classes must be 1 to 4096");
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

void read_heads(const Json& manifest, Bundle& bundle, Fields& fields) {
    const Json& heads = fields.get(manifest, "heads", Json::object);
    bundle.sparse = fields.second(heads, "layout", "dense", "sparse");
    bundle.logits = fields.second(heads, "activation", "probabilities", "logits");
    fields.integer(heads, "stride", stride, stride);
    read_channels(fields.get(heads, "channels", Json::object), bundle.channels, fields);
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

void read_files(const Json& manifest, Bundle& bundle, Fields& fields) {
    for (const auto& [name, entry] : fields.get(manifest, "files", Json::object).members) {
        FileEntry file{fields.text(entry, "sha256"), 0};
        const double bytes = fields.number(entry, "bytes");
        fields.require(bytes >= 0 && bytes <= double(max_file_bytes), "a file has a wrong length");
        fields.require(is_sha256(file.sha256), "a file has a wrong sha256");
        fields.require(stays_inside(name), "a file's name leads out of the bundle");
        if (!fields.good()) return;
        file.bytes = std::uint64_t(bytes);
        bundle.files[name] = file;
    }
    fields.require(bundle.files.count("model.mnn") == 1, "it lists no model.mnn");
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
    const std::string manifest_path = path + "/manifest.json";
    Bytes content;
    if (!read_file(manifest_path, max_manifest_bytes, content, error)) return false;
    Json manifest;
    std::string fault;
    if (!parse_json(reinterpret_cast<const char*>(content.data()), content.size(), manifest,
                    fault)) {
        error = manifest_path + " is no manifest: " + fault;
        return false;
    }
    Fields fields(fault);
    fields.require(fields.integer(manifest, "schema_version", 0, 1 << 20) == schema_version,
                   "expected schema version " + std::to_string(schema_version));
    fields.require(checksum_holds(content), "its checksum does not fit its content");
    bundle.name = fields.text(manifest, "name");
    bundle.precision = fields.text(manifest, "precision");
    if (manifest.find("winograd_level"))
        bundle.winograd_level = fields.integer(manifest, "winograd_level", 0, 3);
    read_files(manifest, bundle, fields);
    read_input(manifest, bundle, fields);
    read_schema(fields.get(manifest, "keypoints", Json::object), bundle, fields);
    read_flip_pairs(manifest, bundle.schema, fields);
    read_heads(manifest, bundle, fields);
    read_decoder(fields.get(manifest, "decoder", Json::object), bundle.decoder, fields);
    if (!fields.good()) {
        error = manifest_path + " is damaged: " + fault;
        return false;
    }
    for (const auto& [name, entry] : bundle.files) {
        std::uint64_t size = 0;
        const std::string found = sha256_of_file(path + "/" + name, size);
        if (found != entry.sha256 || size != entry.bytes) {
            error =
                path + ": the file " + name + " is " + (found.empty() ? "missing" : "damaged") +
                ", expected " + std::to_string(entry.bytes) + " bytes with sha256 " + entry.sha256 +
                (found.empty() ? "" : ", found " + std::to_string(size) + " bytes with " + found);
            return false;
        }
    }
    return true;
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
