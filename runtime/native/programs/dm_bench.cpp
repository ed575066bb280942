// dm_bench BUNDLE --pictures DIR: times of one model in one process, as JSON lines.
#include "benchmark.hpp"
#include "command_line.hpp"
#include "techniques.hpp"

using namespace deepmark;
using namespace deepmark::program;

namespace {

Sides size_of(Words& words) {
    const std::string size = words.text("--size", "");
    Sides read;
    char rest = 0;
    if (!size.empty() &&
        (std::sscanf(size.c_str(), "%5dx%5d%c", &read.height, &read.width, &rest) != 2 ||
         read.height < 1 || read.width < 1))
        words.wrong = "--size must be HEIGHTxWIDTH, found '" + size + "'";
    return read;
}

BenchmarkSettings benchmark_of(Words& words) {
    BenchmarkSettings settings;
    settings.engine = settings_of(words);
    settings.warm_runs = words.whole("--warm-up-runs", settings.warm_runs, 0, most_warm_runs);
    settings.warm_seconds = words.number("--warm-up", 0, 0, most_seconds);
    settings.seconds = words.number("--seconds", 0, 0, most_seconds);
    settings.threshold = words.number("--threshold", settings.threshold, 0, 1);
    settings.runs = words.whole("--runs", settings.seconds > 0 ? 0 : 20, 0, most_runs);
    settings.fit = fit_of(words);
    settings.size = size_of(words);
    settings.flip = words.options.count("--flip") > 0;
    settings.techniques = words.text("--techniques", settings.techniques);
    unsigned chosen = 0;
    if (settings.techniques != "manifest" && !read_techniques(settings.techniques, chosen))
        words.wrong = "--techniques must be manifest, all, none or a list such as 1,2,4, found '" +
                      settings.techniques + "'";
    return settings;
}

Exit bench(int count, char** arguments) {
    Words words = read_words(
        count, arguments,
        with_gpu_options({"--pictures", "--size", "--fit", "--threads", "--precision", "--power",
                          "--winograd", "--memory", "--warm-up-runs", "--warm-up", "--runs",
                          "--seconds", "--techniques", "--threshold"}),
        {"--flip", gpu_flag});
    const BenchmarkSettings settings = benchmark_of(words);
    if (words.wrong.empty() && (words.files.size() != 1 || !words.options.count("--pictures")))
        words.wrong = "expected BUNDLE --pictures DIR";
    if (words.wrong.empty() && !settings.runs && settings.seconds <= 0)
        words.wrong = "--runs or --seconds must be above 0";
    if (!words.wrong.empty())
        return report(
            words.wrong,
            std::string(
                "dm_bench BUNDLE --pictures DIR [--size HxW] [--fit square|rect] [--threads N] "
                "[--precision fp32|fp16] [--power normal|high|low] [--winograd 0..3] [--memory "
                "normal|low] [--warm-up-runs N] [--warm-up SECONDS] "
                "[--runs N] [--seconds S] [--techniques manifest|all|none|1,2,3,4] [--threshold T] "
                "[--flip]") +
                gpu_usage,
            usage);
    Stdout lines;
    Failure failure;
    if (run_benchmark(words.files[0], words.text("--pictures", ""), settings, lines, failure) ==
        BenchmarkEnd::failed)
        return report(failure.message, failure.hint);
    return ok;
}

}  // namespace

int main(int count, char** words) { return guarded(bench, count, words); }
