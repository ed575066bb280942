#include "manifest.hpp"

#include <algorithm>
#include <cmath>

#include "bytes.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

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

}  // namespace

void read_schema(const Json& keypoints, Schema& schema, std::vector<ClassDrawing>& drawings,
                 Fields& fields) {
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
        drawings.push_back(read_drawing(one, int(groups.size()), fields));
        schema.groups.push_back(std::move(groups));
        schema.sigmas.push_back(std::move(sigmas));
    }
    fields.require(!schema.groups.empty() && schema.groups.size() <= most_channels,
                   "the number of classes must be 1 to 4096");
}

const Json& Fields::get(const Json& from, const char* name, Json::Kind kind) {
    static const Json nothing;
    const Json* found = from.find(name);
    if (found && found->kind == kind) return *found;
    if (fault_.empty())
        fault_ = std::string("the field ") + name + " is missing or of another type";
    return nothing;
}

int Fields::whole(double value, const char* name, int low, int high) {
    if (value == std::floor(value) && value >= low && value <= high) return int(value);
    require(false, std::string("the field ") + name + " must be a whole number from " +
                       std::to_string(low) + " to " + std::to_string(high));
    return low;
}

bool Fields::second(const Json& from, const char* name, const char* first, const char* other) {
    const std::string found = text(from, name);
    require(found == first || found == other,
            std::string("the field ") + name + " must be " + first + " or " + other);
    return found == other;
}

bool read_manifest(const std::string& folder, const std::string& kind, Json& manifest,
                   std::string& error) {
    const std::string path = folder + "/manifest.json";
    Bytes content;
    if (!read_file(path, max_manifest_bytes, content, error)) return false;
    std::string fault;
    if (!parse_json(reinterpret_cast<const char*>(content.data()), content.size(), manifest,
                    fault)) {
        error = path + " is no manifest: " + fault;
        return false;
    }
    Fields fields(fault);
    const std::string found = manifest.find("kind") ? fields.text(manifest, "kind") : "detector";
    if (fields.good() && found != kind) {
        const bool known = found == "detector" || found == "refiner";
        error = path + " is of " + (known ? "a " + found : "another kind of model") +
                ", expected a " + kind;
        return false;
    }
    fields.require(fields.integer(manifest, "schema_version", 0, 1 << 20) == schema_version,
                   "expected schema version " + std::to_string(schema_version));
    fields.require(checksum_holds(content), "its checksum does not fit its content");
    if (!fields.good()) error = damaged(folder, fault);
    return fields.good();
}

std::string damaged(const std::string& folder, const std::string& fault) {
    return folder + "/manifest.json is damaged: " + fault;
}

Files read_files(const Json& manifest, Fields& fields) {
    Files files;
    for (const auto& [name, entry] : fields.get(manifest, "files", Json::object).members) {
        FileEntry file{fields.text(entry, "sha256"), 0};
        const double bytes = fields.number(entry, "bytes");
        fields.require(bytes >= 0 && bytes <= double(max_file_bytes), "a file has a wrong length");
        fields.require(is_sha256(file.sha256), "a file has a wrong sha256");
        fields.require(stays_inside(name), "a file's name leads out of the bundle");
        if (!fields.good()) break;
        file.bytes = std::uint64_t(bytes);
        files[name] = file;
    }
    return files;
}

bool check_files(const std::string& folder, const Files& files, std::string& error) {
    for (const auto& [name, entry] : files) {
        std::uint64_t size = 0;
        const std::string found = sha256_of_file(folder + "/" + name, size);
        if (found != entry.sha256 || size != entry.bytes) {
            error =
                folder + ": the file " + name + " is " + (found.empty() ? "missing" : "damaged") +
                ", expected " + std::to_string(entry.bytes) + " bytes with sha256 " + entry.sha256 +
                (found.empty() ? "" : ", found " + std::to_string(size) + " bytes with " + found);
            return false;
        }
    }
    return true;
}

}  // namespace deepmark
