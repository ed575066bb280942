#include "folders.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>

namespace deepmark {
namespace {

constexpr std::size_t token_digits = 8;

struct CloseListing {
    void operator()(DIR* listing) const { closedir(listing); }
};

void make_with_parents(const std::string& folder) {
    for (std::size_t end = folder.find('/', 1); end != std::string::npos;
         end = folder.find('/', end + 1))
        mkdir(folder.substr(0, end).c_str(), 0777);
    mkdir(folder.c_str(), 0777);
}

void remove_with_files(const std::string& folder) {
    std::vector<std::string> names;
    list_names(folder, names);
    for (const std::string& name : names) unlink((folder + "/" + name).c_str());
    rmdir(folder.c_str());
}

void sweep(const std::string& folder, const std::string& start) {
    std::vector<std::string> names;
    list_names(folder, names);
    for (const std::string& name : names) {
        if (!is_with_token(name, start)) continue;
        const std::string path = folder + "/" + name;
        if (const FileLock lock = FileLock::try_to_take(path); lock.state() == FileLock::held)
            remove_with_files(path);
    }
}

}  // namespace

bool list_names(const std::string& folder, std::vector<std::string>& names) {
    const std::unique_ptr<DIR, CloseListing> listing(opendir(folder.c_str()));
    if (!listing) return false;
    while (const dirent* entry = readdir(listing.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(name);
    }
    return true;
}

std::string random_token() {
    char digits[token_digits + 1];
    std::snprintf(digits, sizeof digits, "%08x", std::random_device()());
    return digits;
}

bool is_with_token(const std::string& name, const std::string& start) {
    return name.size() == start.size() + token_digits &&
           name.compare(0, start.size(), start) == 0 &&
           name.find_first_not_of("0123456789abcdef", start.size()) == std::string::npos;
}

ScratchFolder::~ScratchFolder() {
    if (!path_.empty()) remove_with_files(path_);
}

bool ScratchFolder::make(const std::string& folder, const std::string& name, std::string& error) {
    const std::string start = "." + name + "-";
    make_with_parents(folder);
    // Nobody sweeps between making a folder and locking it.
    const FileLock parent = FileLock::wait_for(folder);
    sweep(folder, start);
    const std::string path = folder + "/" + start + random_token();
    if (mkdir(path.c_str(), 0700)) {
        error = "cannot write " + folder + "/" + name + ": " + std::strerror(errno);
        return false;
    }
    path_ = path;
    lock_ = FileLock::try_to_take(path);
    return true;
}

}  // namespace deepmark
