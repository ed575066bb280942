#include "mnn_output.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdarg>
#include <cstdio>

#if defined(__ANDROID__)
#include <dlfcn.h>

#include <cstdint>
#endif

namespace deepmark {
namespace {

constexpr std::size_t most_bytes = 1 << 20;  // that are read back

std::string trimmed(const std::string& line) {
    const char* const blank = " \t\r";
    const std::size_t start = line.find_first_not_of(blank);
    return line.substr(start, line.find_last_not_of(blank) + 1 - start);
}

// A file without a name; -1 where there is none, and MNN's lines then go unread.
int sink() {
    static const int file = int(syscall(SYS_memfd_create, "mnn", 0U));
    return file;
}

std::mutex& turn() {
    static auto* const lasting = new std::mutex;  // threads may outlive main's end
    return *lasting;
}

#if defined(__ANDROID__)
struct LogMessage {  // __android_log_message
    std::size_t size;
    std::int32_t buffer, priority;
    const char *tag, *file;
    std::uint32_t line;
    const char* message;
};
using Logger = void (*)(const LogMessage*);

// Android 11 and later let a process read its own log. A program reads it before, too: see below.
void listen_to_log() {
    static const bool once = [] {
        static const auto logd =
            reinterpret_cast<Logger>(dlsym(RTLD_DEFAULT, "__android_log_logd_logger"));
        const auto set =
            reinterpret_cast<void (*)(Logger)>(dlsym(RTLD_DEFAULT, "__android_log_set_logger"));
        if (!set || !logd) return false;
        set([](const LogMessage* said) {
            std::printf("%s\n", said->message);
            logd(said);
        });
        return true;
    }();
    static_cast<void>(once);
}
#else
void listen_to_log() {}
#endif

}  // namespace

std::string trouble_in(const std::string& printed) {
    static const char* const words[] = {
        "error",       "fail",    "can't",     "can not", "cannot",  "not support",
        "n't support", "invalid", "not found", "oom",     "illegal", "using the default"};
    for (std::size_t start = 0; start < printed.size();) {
        const std::size_t stop = std::min(printed.find('\n', start), printed.size());
        std::string line = printed.substr(start, stop - start), small = line;
        std::transform(line.begin(), line.end(), small.begin(),
                       [](unsigned char one) { return char(std::tolower(one)); });
        for (const std::string word : words) {
            const std::size_t at = small.find(word);
            const bool whole = word != "oom" || at + 3 >= small.size() ||
                               !std::isalnum(static_cast<unsigned char>(small[at + 3]));
            if (at != std::string::npos && whole) return trimmed(line);
        }
        start = stop + 1;
    }
    return "";
}

MnnOutput::MnnOutput() : turn_(turn()) {
    listen_to_log();
    if (sink() < 0 || ftruncate(sink(), 0) || lseek(sink(), 0, SEEK_SET)) return;
    std::fflush(stdout);
    before_ = dup(STDOUT_FILENO);
    if (before_ >= 0) dup2(sink(), STDOUT_FILENO);
}

std::string MnnOutput::end() {
    std::string printed;
    if (before_ < 0) return printed;
    std::fflush(stdout);
    dup2(before_, STDOUT_FILENO);
    close(before_);
    before_ = -1;
    const off_t size = lseek(sink(), 0, SEEK_CUR);
    if (size > 0) {
        printed.resize(std::min(std::size_t(size), most_bytes));
        const ssize_t read = pread(sink(), printed.data(), printed.size(), 0);
        printed.resize(std::size_t(std::max<ssize_t>(read, 0)));
        std::fwrite(printed.data(), 1, printed.size(), stdout);
    }
    return printed;
}

}  // namespace deepmark

#if defined(DEEPMARK_NDK)
// MNN's release for Android prints into Android's log, where nobody reads while it runs. A
// program's own function comes before the library's; in an app, whose libraries come first, it is
// not used.
extern "C" __attribute__((visibility("default"), format(printf, 3, 4))) int __android_log_print(
    int, const char*, const char* format, ...) {
    va_list values;
    va_start(values, format);
    const int count = std::vprintf(format, values);
    va_end(values);
    std::putchar('\n');
    return count;
}
#endif
