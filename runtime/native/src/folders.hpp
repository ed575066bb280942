// Folders: what lies in one, and a hidden one beside a file that is in the making.
#pragma once

#include <string>
#include <vector>

#include "file_lock.hpp"

namespace deepmark {

// The names in a folder, in no order. False where it cannot be read.
bool list_names(const std::string& folder, std::vector<std::string>& names);

// Eight random hexadecimal digits, for a name that nobody else has.
std::string random_token();

// Whether a name is `start` and such digits.
bool is_with_token(const std::string& name, const std::string& start);

// A hidden folder beside a file that is in the making, on its disk. It is locked; so those that
// killed processes left are told from busy ones, and removed by the next maker of the same file.
// Names and locks are those of scratch_folder in src/deepmark/files.py.
class ScratchFolder {
public:
    ScratchFolder() = default;
    ~ScratchFolder();  // removes it, with the files in it
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    // To be called once. folder: made, with those above it. name: of the file. False where the file
    // system refuses; `error` says why.
    bool make(const std::string& folder, const std::string& name, std::string& error);

    const std::string& path() const { return path_; }

private:
    std::string path_;
    FileLock lock_;
};

}  // namespace deepmark
