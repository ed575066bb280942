// What the manifests of all bundles have in common: strict fields, a checksum, files by their
// sha256, classes and landmarks.
#pragma once

#include <map>

#include "json.hpp"
#include "params.hpp"

namespace deepmark {

constexpr int most_channels = 4096;

struct FileEntry {
    std::string sha256;
    std::uint64_t bytes = 0;
};
using Files = std::map<std::string, FileEntry>;  // name, relative to the bundle, with "/"

// How a class is drawn.
struct ClassDrawing {
    std::vector<std::string> landmark_names;  // empty where the manifest has none
    // Lines through landmarks, by their positions in the class; empty: it is drawn as points.
    std::vector<std::vector<int>> outline;
};

// Reads fields, and remembers the first that is missing or wrong.
class Fields {
public:
    explicit Fields(std::string& fault) : fault_(fault) {}

    const Json& get(const Json& from, const char* name, Json::Kind kind);
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
    int whole(double value, const char* name, int low, int high);
    // One of two words; true for the second.
    bool second(const Json& from, const char* name, const char* first, const char* other);
    void require(bool holds, const std::string& what) {
        if (!holds && fault_.empty()) fault_ = what;
    }
    bool good() const { return fault_.empty(); }

private:
    std::string& fault_;
};

// Read the manifest of an unpacked bundle folder: of this kind, of this version, as it was written.
//
// kind: detector or refiner. False: `error` says why.
bool read_manifest(const std::string& folder, const std::string& kind, Json& manifest,
                   std::string& error);

// The sentence about a manifest that a fault was found in.
std::string damaged(const std::string& folder, const std::string& fault);

// Read which files a bundle has.
Files read_files(const Json& manifest, Fields& fields);

// Check every file against its length and sha256. False: `error` says why.
bool check_files(const std::string& folder, const Files& files, std::string& error);

// Read classes and landmarks. drawings: one a class.
void read_schema(const Json& keypoints, Schema& schema, std::vector<ClassDrawing>& drawings,
                 Fields& fields);

}  // namespace deepmark
