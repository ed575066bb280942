// dm_bench BUNDLE --pictures DIR: times of one model in one process, as JSON lines.
#include <dirent.h>
#include <sched.h>

#include <algorithm>
#include <chrono>

#include "command_line.hpp"
#include "picture.hpp"
#include "process_facts.hpp"

using namespace deepmark;
using namespace deepmark::program;

namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

struct Sample {
    double at, letterbox, network, decode;
    std::size_t objects;
    int cpu;
};

bool read_pictures(const std::string& folder, std::vector<Picture>& pictures, std::string& error) {
    DIR* listing = opendir(folder.c_str());
    if (!listing) {
        error = folder + ": no folder of pictures";
        return false;
    }
    std::vector<std::string> names;
    while (const dirent* entry = readdir(listing)) {
        const std::string name = entry->d_name;
        if (name.size() > 4 && name.compare(name.size() - 4, 4, ".ppm") == 0) names.push_back(name);
    }
    closedir(listing);
    std::sort(names.begin(), names.end());
    for (const auto& name : names) {
        Bytes content;
        pictures.emplace_back();
        if (!read_file(folder + "/" + name, std::size_t(1) << 30, content, error)) return false;
        if (!read_ppm(content, pictures.back(), error)) {
            error = folder + "/" + name + ": " + error;
            return false;
        }
    }
    if (pictures.empty()) error = folder + ": holds no *.ppm";
    return !pictures.empty();
}

bool read_size(Words& words, int& height, int& width) {
    const std::string size = words.text("--size", "");
    height = width = 0;
    char rest = 0;
    if (size.empty() || (std::sscanf(size.c_str(), "%5dx%5d%c", &height, &width, &rest) == 2 &&
                         height > 0 && width > 0))
        return true;
    words.wrong = "--size must be HEIGHTxWIDTH, found '" + size + "'";
    return false;
}

// The techniques of the paper by their numbers: all that are not named are off, as in CenterNet.
bool choose_techniques(Words& words, DecoderParams& params) {
    const std::string chosen = words.text("--techniques", "manifest");
    if (chosen == "manifest") return true;
    bool on[5] = {};
    if (chosen == "all") {
        std::fill_n(on, 5, true);
    } else if (chosen != "none") {
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            if (i % 2 ? chosen[i] != ',' || i + 1 == chosen.size()
                      : chosen[i] < '1' || chosen[i] > '4') {
                words.wrong =
                    "--techniques must be manifest, all, none or a list such as 1,2,4, found '" +
                    chosen + "'";
                return false;
            }
            if (i % 2 == 0) on[chosen[i] - '0'] = true;
        }
    }
    const DecoderParams paper;
    if (!on[1])
        params.alpha = 1;
    else if (params.alpha == 1)
        params.alpha = paper.alpha;
    if (!on[2])
        params.sigma_center = params.sigma_keypoint = 0;
    else if (params.sigma_center == 0 && params.sigma_keypoint == 0) {
        params.sigma_center = paper.sigma_center;
        params.sigma_keypoint = paper.sigma_keypoint;
    }
    if (!on[3])
        params.gamma = 1;
    else if (params.gamma == 1)
        params.gamma = paper.gamma;
    params.mask = on[4];
    return true;
}

const char* precision_used(const Pipeline& pipeline, const EngineSettings& settings) {
    if (pipeline.bundle().precision == "int8") return "int8";
#if defined(__aarch64__)
    if (settings.precision == Precision::fp16 && pipeline.engine().has_extensions()) return "fp16";
#else
    (void)settings;
#endif
    return "fp32";
}

void print(std::vector<Sample>& samples) {
    for (const Sample& one : samples)
        std::fprintf(out(),
                     "{\"event\":\"sample\",\"t_ms\":%.3f,\"letterbox_ms\":%.4f,\"network_ms\":%."
                     "4f,\"decode_ms\":%.4f,"
                     "\"objects\":%zu,\"cpu\":%d}\n",
                     one.at, one.letterbox, one.network, one.decode, one.objects, one.cpu);
    samples.clear();
}

Exit bench(int count, char** arguments) {
    Words words = read_words(
        count, arguments,
        {"--pictures", "--size", "--threads", "--precision", "--power", "--winograd", "--memory",
         "--warm-up-runs", "--warm-up", "--runs", "--seconds", "--techniques", "--threshold"});
    const EngineSettings settings = settings_of(words);
    const int warm_runs = words.whole("--warm-up-runs", 3, 0, 1000000);
    const double warm_seconds = words.number("--warm-up", 0, 0, 86400);
    const double seconds = words.number("--seconds", 0, 0, 86400);
    const double threshold = words.number("--threshold", -1, 0, 1);
    const int runs = words.whole("--runs", seconds > 0 ? 0 : 20, 0, 100000000);
    int height = 0, width = 0;
    DecoderParams checked;
    read_size(words, height, width);
    choose_techniques(words, checked);
    if (words.wrong.empty() && (words.files.size() != 1 || !words.options.count("--pictures")))
        words.wrong = "expected BUNDLE --pictures DIR";
    if (words.wrong.empty() && !runs && seconds <= 0)
        words.wrong = "--runs or --seconds must be above 0";
    if (!words.wrong.empty())
        return report(
            words.wrong,
            "dm_bench BUNDLE --pictures DIR [--size HxW] [--threads N] [--precision fp32|fp16] "
            "[--power "
            "normal|high|low] [--winograd 0..3] [--memory normal|low] [--warm-up-runs N] "
            "[--warm-up SECONDS] "
            "[--runs N] [--seconds S] [--techniques manifest|all|none|1,2,3,4] [--threshold T]",
            usage);
    std::string error;
    std::vector<Picture> pictures;
    if (!read_pictures(words.text("--pictures", ""), pictures, error))
        return report(error, "make binary PPM pictures");
    std::string path = words.files[0];
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    std::string name = path.substr(path.find_last_of('/') + 1);
#if defined(DEEPMARK_NDK)
    const char* runtime = "ndk";
#else
    const char* runtime = "glibc-wheel";
#endif
#if defined(__aarch64__)
    const char* abi = "aarch64";
#else
    const char* abi = "x86_64";
#endif
    std::fprintf(out(),
                 "{\"event\":\"start\",\"format\":\"dm_bench/"
                 "1\",\"mnn_version\":%s,\"runtime\":\"%s\",\"abi\":\"%s\","
                 "\"model\":%s,\"precision\":\"%s\",\"threads\":%d,\"power\":%s,\"techniques\":%s,"
                 "\"cpus_allowed\":%s,"
                 "\"memory\":%s}\n",
                 quoted(Engine::mnn_version()).c_str(), runtime, abi, quoted(name).c_str(),
                 settings.precision == Precision::fp16 ? "fp16" : "fp32", settings.threads,
                 quoted(words.text("--power", "normal")).c_str(),
                 quoted(words.text("--techniques", "manifest")).c_str(),
                 quoted(cpus_allowed()).c_str(), memory_now().c_str());
    const auto begin = Clock::now();
    auto pipeline = Pipeline::open(path, settings, height, width, error);
    if (!pipeline) return report(error, "copy the bundle again, or export it again");
    DecoderParams params = pipeline->bundle().decoder;
    choose_techniques(words, params);
    if (threshold >= 0) params.score_threshold = threshold;
    pipeline->set_params(params);
    std::fprintf(out(),
                 "{\"event\":\"loaded\",\"load_ms\":%.3f,\"precision_used\":\"%s\",\"backend\":"
                 "\"CPU\",\"threads_used\":%d,"
                 "\"mnn_memory_mib\":%s,\"mnn_mflops\":%s,\"memory\":%s}\n",
                 ms_between(begin, Clock::now()), precision_used(*pipeline, settings),
                 pipeline->engine().threads_used(),
                 shown(double(pipeline->engine().memory_mib())).c_str(),
                 shown(double(pipeline->engine().mflops())).c_str(), memory_now().c_str());
    Detections found;
    std::size_t turn = 0;
    const auto run = [&](Sample& sample) {
        const Picture& picture = pictures[turn++ % pictures.size()];
        const auto start = Clock::now();
        if (!pipeline->letterbox(picture.pixels.data(), picture.height, picture.width, error))
            return false;
        const auto warped = Clock::now();
        if (!pipeline->run_network(error)) return false;
        const auto computed = Clock::now();
        if (!pipeline->decode(found, error)) return false;
        const auto decoded = Clock::now();
        sample = {ms_between(begin, start),     ms_between(start, warped),
                  ms_between(warped, computed), ms_between(computed, decoded),
                  found.objects.size(),         sched_getcpu()};
        return true;
    };
    const auto warm_from = Clock::now();
    int warmed = 0;
    Sample sample{};
    for (; warmed < warm_runs || ms_between(warm_from, Clock::now()) < 1000 * warm_seconds;
         ++warmed)
        if (!run(sample)) return report(error, "run dm_verify on the bundle");
    std::fprintf(out(), "{\"event\":\"warm\",\"runs\":%d,\"seconds\":%.3f}\n", warmed,
                 ms_between(warm_from, Clock::now()) / 1000);
    constexpr std::size_t block = 32;
    std::vector<Sample> samples;
    samples.reserve(block);
    std::set<int> cpus;
    const auto from = Clock::now();
    int done = 0;
    turn = 0;
    while ((runs && done < runs) || (!runs && ms_between(from, Clock::now()) < 1000 * seconds)) {
        if (runs && seconds > 0 && ms_between(from, Clock::now()) >= 1000 * seconds) break;
        if (!run(sample)) return report(error, "run dm_verify on the bundle");
        samples.push_back(sample);
        cpus.insert(sample.cpu);
        ++done;
        if (samples.size() == block) print(samples);
    }
    const double took = ms_between(from, Clock::now()) / 1000;
    print(samples);
    std::string used;
    for (int cpu : cpus) used += (used.empty() ? "" : ",") + std::to_string(cpu);
    std::fprintf(
        out(),
        "{\"event\":\"end\",\"runs\":%d,\"seconds\":%.3f,\"cpus_used\":[%s],\"memory\":%s}\n", done,
        took, used.c_str(), memory_now().c_str());
    return ok;
}

}  // namespace

int main(int count, char** words) { return guarded(bench, count, words); }
