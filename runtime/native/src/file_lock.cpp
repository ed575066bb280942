#include "file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace deepmark {

FileLock::FileLock(const std::string& path, bool wait)
    : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {
    if (descriptor_ < 0) return;
    int code = 0;
    do {
        code = flock(descriptor_, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
    } while (code && errno == EINTR);
    state_ = !code ? held : errno == EWOULDBLOCK ? busy : unsupported;
}

FileLock::~FileLock() {
    if (descriptor_ >= 0) close(descriptor_);
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(state_, other.state_);
    return *this;
}

}  // namespace deepmark
