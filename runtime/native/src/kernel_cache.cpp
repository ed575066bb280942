#include "kernel_cache.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bytes.hpp"
#include "gpu_settings.hpp"
#include "json.hpp"

namespace deepmark {
namespace {

const std::string magic = "deepmark kernels 1\n", mark_ending = ".trying-";
constexpr std::size_t most_kept = 64, most_bytes = std::size_t(1) << 28;  // they have about 3 MB
constexpr std::size_t shown_digits = 16;                                  // of a sha256 in a name

std::string truth(bool value) { return value ? "true" : "false"; }

std::string digest(const std::string& text) {
    return sha256(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

bool write_file(const std::string& path, const std::string& header, const Bytes& content) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) return false;
    const auto writes = [&](const void* data, std::size_t size) {
        return size == 0 || std::fwrite(data, 1, size, file) == size;
    };
    const bool whole =
        writes(header.data(), header.size()) && writes(content.data(), content.size());
    return (std::fclose(file) == 0) && whole;
}

// Content and header of a kept file. False where it is not what was written for this key.
bool parse_entry(const std::string& key, Bytes& whole, std::string& content_sha256,
                 double& compiled_ms) {
    const auto start = whole.begin();
    if (whole.size() < magic.size() || !std::equal(magic.begin(), magic.end(), start)) return false;
    const auto header = start + std::ptrdiff_t(magic.size()),
               stop = std::find(header, whole.end(), std::uint8_t('\n'));
    if (stop == whole.end()) return false;
    Json facts;
    std::string fault;
    if (!parse_json(reinterpret_cast<const char*>(&*header), std::size_t(stop - header), facts,
                    fault))
        return false;
    const auto has_text = [&](const char* name, const std::string& expected) {
        const Json* found = facts.find(name);
        return found && found->kind == Json::string && found->text == expected;
    };
    const Json *bytes = facts.find("bytes"), *took = facts.find("compiled_ms");
    whole.erase(start, stop + 1);
    content_sha256 = sha256(whole.data(), whole.size());
    if (!has_text("key", key) || !has_text("sha256", content_sha256) || !bytes ||
        bytes->kind != Json::number || bytes->value != double(whole.size()) || !took ||
        took->kind != Json::number || !(took->value >= 0) || whole.empty())
        return false;
    compiled_ms = took->value;
    return true;
}

// Throw away a kept file whose last user died while it tried it; false where nobody did.
bool drop_condemned(const std::string& folder, const std::string& name) {
    std::vector<std::string> names;
    list_names(folder, names);
    bool dropped = false;
    for (const std::string& one : names) {
        if (!is_with_token(one, name + mark_ending)) continue;
        const std::string mark = folder + "/" + one;
        const FileLock lock = FileLock::try_to_take(mark);
        if (lock.state() != FileLock::held && lock.state() != FileLock::unsupported) continue;
        if (access(mark.c_str(), F_OK)) continue;  // its process has just taken it away
        unlink((folder + "/" + name).c_str());
        unlink(mark.c_str());
        dropped = true;
    }
    return dropped;
}

// Whether KernelKey::file_name could have made it: any folder may be named for kernels.
bool is_ours(const std::string& name) {
    if (name.size() < 2 * shown_digits + 2) return false;
    const auto is_hex = [](const std::string& part) {
        return part.find_first_not_of("0123456789abcdef") == std::string::npos;
    };
    const std::size_t last = name.size() - shown_digits;
    return name[shown_digits] == '-' && name[last - 1] == '-' &&
           is_hex(name.substr(0, shown_digits)) && is_hex(name.substr(last));
}

// Keep the newest files only.
void prune(const std::string& folder) {
    std::vector<std::string> names;
    list_names(folder, names);
    std::vector<std::pair<std::int64_t, std::string>> kept;  // when it was written, ns; path
    for (const std::string& name : names) {
        const std::string path = folder + "/" + name;
        struct stat status;
        if (is_ours(name) && lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
            kept.emplace_back(
                std::int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec, path);
    }
    std::sort(kept.rbegin(), kept.rend());
    for (std::size_t i = most_kept; i < kept.size(); ++i) unlink(kept[i].second.c_str());
}

}  // namespace

std::string KernelKey::text() const {
    std::string sides;
    for (const int side : shape) sides += (sides.empty() ? "" : ", ") + std::to_string(side);
    return R"({"cpu_operators": )" + truth(cpu_operators) + R"(, "device": {"clock_mhz": )" +
           std::to_string(device.clock_mhz) + R"(, "driver": )" + quoted(device.driver) +
           R"(, "fp16": )" + truth(device.fp16) + R"(, "image_limit": )" +
           std::to_string(device.image_limit) + R"(, "name": )" + quoted(device.name) +
           R"(}, "gpu": )" + quoted(computes[std::size_t(gpu)]) + R"(, "memory": )" +
           std::to_string(memory) + R"(, "mnn": )" + quoted(mnn) + R"(, "mode": )" +
           std::to_string(mode) + R"(, "model_sha256": )" + quoted(model_sha256) +
           R"(, "precision": )" + std::to_string(precision) + R"(, "shape": [)" + sides + "]}";
}

std::string KernelKey::file_name() const {
    std::string sides;
    for (std::size_t i = 2; i < shape.size(); ++i)
        sides += (i > 2 ? "x" : "") + std::to_string(shape[i]);
    return model_sha256.substr(0, shown_digits) + "-" + computes[std::size_t(gpu)] + "-" + sides +
           "-" + digest(text()).substr(0, shown_digits);
}

KernelLoan::KernelLoan(const std::string& folder, const KernelKey& key)
    : folder_(folder), name_(key.file_name()), key_(key.text()) {
    if (folder.empty())
        give_up("no folder was named");
    else
        lend();
}

KernelLoan::~KernelLoan() {
    if (!mark_.empty()) unlink(mark_.c_str());  // before its lock goes
}

void KernelLoan::lend() {
    std::string error;
    if (drop_condemned(folder_, name_))
        state_ = "compiled again: the process that tried those kept last died";
    if (!scratch_.make(folder_, name_, error)) return give_up(error);
    file_ = scratch_.path() + "/kernels";
    Bytes content;
    std::string content_sha256;
    if (!read_file(folder_ + "/" + name_, most_bytes, content, error)) return;  // most often none
    if (!parse_entry(key_, content, content_sha256, compiled_ms_)) {
        state_ = "compiled again: those kept were damaged";
        return;
    }
    if (!mark() || !write_file(file_, "", content))
        return give_up("cannot write " + folder_ + "/" + name_ + ": " + std::strerror(errno));
    lent_ = content_sha256;
    state_ = "cached";
}

// Set the mark, which is locked before others can see it.
bool KernelLoan::mark() {
    const std::string hidden = scratch_.path() + "/mark",
                      path = folder_ + "/" + name_ + mark_ending + random_token();
    if (!write_file(hidden, "", {})) return false;
    trying_ = FileLock::try_to_take(hidden);
    if (std::rename(hidden.c_str(), path.c_str())) return false;
    mark_ = path;
    return true;
}

void KernelLoan::condemn() {
    unlink((folder_ + "/" + name_).c_str());
    unlink(file_.c_str());
    lent_.clear();
    state_ = "compiled again: a session that used those kept went wrong";
}

void KernelLoan::keep(double spent_ms) {
    Bytes content;
    std::string error;
    if (file_.empty() || !read_file(file_, most_bytes, content, error) || content.empty()) return;
    const std::string sha256_now = sha256(content.data(), content.size());
    if (sha256_now == lent_) return;
    const std::string hidden = scratch_.path() + "/entry",
                      header = magic + R"({"key": )" + quoted(key_) + R"(, "sha256": )" +
                               quoted(sha256_now) + R"(, "bytes": )" +
                               std::to_string(content.size()) + R"(, "compiled_ms": )" +
                               fixed(compiled_ms(spent_ms), 3) + "}\n";
    if (!write_file(hidden, header, content) ||
        std::rename(hidden.c_str(), (folder_ + "/" + name_).c_str()))
        give_up("cannot write " + folder_ + "/" + name_ + ": " + std::strerror(errno));
    else
        prune(folder_);
}

void KernelLoan::give_up(const std::string& why) {
    file_.clear();
    if (!is_filled()) state_ = "compiled, not cached: " + why;
}

}  // namespace deepmark
