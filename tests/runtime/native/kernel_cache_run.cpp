// kernel_cache_run WORK FOLDER KEY [FILE]: one loan of compiled kernels, without a GPU. KEY is
// KernelKey.text() of Python. WORK:
//   name     print the file's name, and the key's text
//   lend     print the state and the milliseconds of compiling; what was lent follows
//   fill     let FILE be what MNN wrote, and keep it
//   condemn  throw away what was lent, then as fill
//   give-up  keep nothing
//   die      end at once, as a driver may
//   hold     print a line and wait for one
//   endless  keep 8 MiB of one byte, the next time of the next, and print a line each time
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "gpu_settings.hpp"
#include "json.hpp"
#include "kernel_cache.hpp"

using namespace deepmark;

namespace {

constexpr double compiled_ms = 15000;

KernelKey key_of(const std::string& text) {
    Json json;
    std::string error;
    KernelKey key;
    if (!parse_json(text.data(), text.size(), json, error)) std::abort();
    const Json& device = *json.find("device");
    const auto whole = [](const Json& from, const char* name) {
        return int(from.find(name)->value);
    };
    key.model_sha256 = json.find("model_sha256")->text;
    for (std::size_t i = 0; i < computes.size(); ++i)
        if (computes[i] == json.find("gpu")->text) key.gpu = Compute(i);
    key.device = {device.find("name")->text, device.find("driver")->text,
                  device.find("fp16")->truth, whole(device, "image_limit"),
                  whole(device, "clock_mhz")};
    key.mnn = json.find("mnn")->text;
    key.mode = whole(json, "mode");
    key.precision = whole(json, "precision");
    key.memory = whole(json, "memory");
    key.cpu_operators = json.find("cpu_operators")->truth;
    for (const Json& side : json.find("shape")->items) key.shape.push_back(int(side.value));
    return key;
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
}

void show(const KernelLoan& loan) {
    std::printf("%s\n%g\n", loan.state().c_str(), loan.compiled_ms(-1));
    const std::string content = loan.is_filled() ? content_of(loan.file()) : "";
    std::fwrite(content.data(), 1, content.size(), stdout);
}

void keep_endlessly(const std::string& folder, const KernelKey& key) {
    for (unsigned number = 0;; ++number) {
        KernelLoan loan(folder, key);
        write(loan.file(), std::string(8 << 20, char(number % 251)));
        loan.keep(compiled_ms);
        std::printf("%u\n", number);
        std::fflush(stdout);
    }
}

}  // namespace

int main(int count, char** words) {
    if (count < 4) return 2;
    std::signal(SIGXFSZ, SIG_IGN);
    const std::string work = words[1], folder = words[2], file = count > 4 ? words[4] : "";
    const KernelKey key = key_of(words[3]);
    if (work == "endless") keep_endlessly(folder, key);
    if (work == "name") {
        std::printf("%s\n%s\n", key.file_name().c_str(), key.text().c_str());
        return 0;
    }
    KernelLoan loan(folder, key);
    if (work == "die") std::raise(SIGKILL);
    if (work == "hold") {
        std::printf("%s\n", loan.state().c_str());
        std::fflush(stdout);
        std::getchar();
        return 0;
    }
    if (work == "condemn") loan.condemn();
    if (work == "give-up") loan.give_up("the driver hands out no binary");
    if (work == "fill" || work == "condemn") {
        if (!loan.file().empty()) write(loan.file(), content_of(file));
        loan.keep(compiled_ms);
        std::printf("%s\n", loan.state().c_str());
        return 0;
    }
    show(loan);
    return 0;
}
