// A lock of a file or a folder, as runtime/engines/kernel_cache.py and others take it: it goes with
// the process, however that ends, and no child has it.
#pragma once

#include <string>

namespace deepmark {

class FileLock {
public:
    enum State {
        none,         // there is nothing at this path, or it may not be opened
        busy,         // somebody else holds it
        held,         // until this object goes
        unsupported,  // the file system has no locks
    };

    FileLock() = default;
    static FileLock try_to_take(const std::string& path) { return {path, false}; }
    static FileLock wait_for(const std::string& path) { return {path, true}; }

    State state() const { return state_; }

    ~FileLock();
    FileLock(FileLock&& other) noexcept { *this = static_cast<FileLock&&>(other); }
    FileLock& operator=(FileLock&& other) noexcept;

private:
    FileLock(const std::string& path, bool wait);
    int descriptor_ = -1;
    State state_ = none;
};

}  // namespace deepmark
