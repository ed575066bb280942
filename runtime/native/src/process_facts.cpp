#include "process_facts.hpp"

#include <time.h>

#include <fstream>

namespace deepmark {
namespace {

// The rest of the line that begins with `key`, without leading space.
std::string field(const char* file, const std::string& key) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);)
        if (line.compare(0, key.size(), key) == 0) {
            const auto start = line.find_first_not_of(" \t", key.size());
            return start == std::string::npos ? "" : line.substr(start);
        }
    return "";
}

std::string kib(const char* file, const char* key) {
    const std::string found = field(file, key);
    const std::string digits = found.substr(0, found.find_first_not_of("0123456789"));
    return digits.empty() ? "null" : digits;
}

}  // namespace

std::string memory_now() {
    return "{\"rss_kib\":" + kib("/proc/self/status", "VmRSS:") +
           ",\"hwm_kib\":" + kib("/proc/self/status", "VmHWM:") +
           ",\"pss_kib\":" + kib("/proc/self/smaps_rollup", "Pss:") + "}";
}

double processor_s() {
    timespec spent = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return double(spent.tv_sec) + 1e-9 * double(spent.tv_nsec);
}

std::string cpus_allowed() { return field("/proc/self/status", "Cpus_allowed_list:"); }

}  // namespace deepmark
