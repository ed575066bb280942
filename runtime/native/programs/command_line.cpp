#include "command_line.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <exception>
#include <thread>

#include "gpu_settings.hpp"

#include "shared_numbers.hpp"

namespace deepmark::program {

std::string Words::text(const std::string& option, const std::string& otherwise) const {
    const auto found = options.find(option);
    return found == options.end() ? otherwise : found->second;
}

double Words::number(const std::string& option, double otherwise, double low, double high) {
    const std::string given = text(option, "");
    if (!options.count(option)) return otherwise;
    double value = 0;
    const auto [stop, code] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (code == std::errc() && stop == given.data() + given.size() && value >= low && value <= high)
        return value;
    wrong = option + " must be a number from " + shown(low) + " to " + shown(high) + ", found '" +
            given + "'";
    return otherwise;
}

int Words::whole(const std::string& option, int otherwise, int low, int high) {
    const double value = number(option, otherwise, low, high);
    if (value == std::floor(value)) return int(value);
    wrong = option + " must be a whole number, found '" + text(option, "") + "'";
    return otherwise;
}

int Words::choice(const std::string& option, const std::vector<std::string>& choices) {
    const std::string given = text(option, choices[0]);
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (choices[i] == given) return int(i);
    wrong = option + " must be one of";
    for (const auto& one : choices) wrong += " " + one;
    wrong += ", found '" + given + "'";
    return 0;
}

Words read_words(int count, char** words, const std::set<std::string>& known,
                 const std::set<std::string>& flags, const std::set<std::string>& repeated) {
    Words read;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word.compare(0, 2, "--") != 0) {
            read.files.push_back(word);
        } else if (flags.count(word)) {
            read.options[word] = "";
        } else if (!known.count(word) && !repeated.count(word)) {
            read.wrong = "unknown option " + word;
        } else if (i + 1 == count) {
            read.wrong = word + " needs a value";
        } else if (repeated.count(word)) {
            read.lists[word].emplace_back(words[++i]);
        } else {
            read.options[word] = words[++i];
        }
    }
    return read;
}

const char gpu_usage[] =
    " [--compute cpu|opencl|vulkan] [--gpu-precision high|normal|low] "
    "[--opencl-storage image|buffer] [--gpu-tuning none|fast|normal|wide|heavy] "
    "[--allow-cpu-operators] [--kernels FOLDER]";

std::set<std::string> with_gpu_options(std::set<std::string> more) {
    more.insert({"--compute", "--gpu-precision", "--opencl-storage", "--gpu-tuning", "--kernels"});
    return more;
}

namespace {

// An option that what computes does not have would be ignored without a word.
void refuse_strange(Words& words, const EngineSettings& settings) {
    static const std::set<std::string> of_cpu = {"--threads", "--precision", "--power",
                                                 "--winograd"},
                                       of_gpu = {"--gpu-precision", "--opencl-storage",
                                                 "--gpu-tuning", "--kernels", gpu_flag};
    const bool gpu = is_gpu(settings.compute);
    for (const std::string& option : gpu ? of_cpu : of_gpu)
        if (words.options.count(option))
            words.wrong =
                option + " goes with --compute " + (gpu ? "cpu" : "opencl or vulkan") + " only";
    if (words.options.count("--kernels") && settings.gpu.kernels.empty())
        words.wrong = "--kernels must name a folder, found ''";
    if (settings.compute == Compute::vulkan && words.options.count("--opencl-storage"))
        words.wrong = "--opencl-storage goes with --compute opencl only";
    std::string error;
    if (words.wrong.empty() && gpu && !check_gpu(settings, error)) words.wrong = error;
}

}  // namespace

EngineSettings settings_of(Words& words) {
    EngineSettings settings;
    settings.compute = Compute(words.choice("--compute", computes));
    settings.gpu.precision = GpuPrecision(words.choice("--gpu-precision", gpu_precisions));
    settings.gpu.storage = Storage(words.choice("--opencl-storage", storages));
    settings.gpu.tuning = Tuning(words.choice("--gpu-tuning", tunings));
    settings.gpu.allow_cpu_operators = words.options.count(gpu_flag) > 0;
    settings.gpu.kernels = words.text("--kernels", "");
    const int here =
        int(std::clamp(std::thread::hardware_concurrency(), 1u, unsigned(most_threads_by_default)));
    settings.threads = words.whole("--threads", here, 1, 64);
    settings.precision =
        words.choice("--precision", {"fp32", "fp16"}) ? Precision::fp16 : Precision::fp32;
    settings.power = Power(words.choice("--power", {"normal", "high", "low"}));
    settings.winograd_level = words.whole("--winograd", -1, -1, 3);
    settings.memory = Memory(words.choice("--memory", {"normal", "low"}));
    if (words.wrong.empty()) refuse_strange(words, settings);
    return settings;
}

std::optional<Fit> fit_of(Words& words) {
    if (!words.options.count("--fit")) return {};
    return Fit(words.choice("--fit", {in_words(Fit::square), in_words(Fit::rect)}));
}

std::FILE* out() {
    static std::FILE* const lines = [] {
        std::FILE* made = fdopen(dup(STDOUT_FILENO), "w");
        if (made) dup2(STDERR_FILENO, STDOUT_FILENO);
        return made ? made : stdout;
    }();
    return lines;
}

Exit report(const std::string& message, const std::string& hint, Exit code) {
    std::string one_line = message;
    std::replace(one_line.begin(), one_line.end(), '\n', ' ');
    std::fprintf(out(), "{\"event\":\"error\",\"message\":%s,\"hint\":%s}\n",
                 quoted(one_line).c_str(), quoted(hint).c_str());
    std::fprintf(stderr, "error: %s\n", one_line.c_str());
    return code;
}

void Stdout::line(const std::string& json) { std::fprintf(out(), "%s\n", json.c_str()); }

int guarded(Exit (*body)(int, char**), int count, char** words) {
    Exit code = failed;
    out();  // before MNN's first word
    try {
        code = body(count, words);
    } catch (const std::exception& caught) {
        code = report(caught.what(), "is there enough free memory?");
    }
    if (std::fflush(out()) == 0 && !std::ferror(out())) return code;
    std::fprintf(stderr, "error: cannot write to stdout: %s\n", std::strerror(errno));
    return failed;
}

}  // namespace deepmark::program
