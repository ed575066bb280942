#include "benchmark.hpp"

#include <sched.h>

#include <algorithm>
#include <set>

#include "folders.hpp"
#include "gpu_settings.hpp"
#include "model_description.hpp"
#include "picture.hpp"
#include "pipeline.hpp"
#include "process_facts.hpp"
#include "stopwatch.hpp"
#include "techniques.hpp"

namespace deepmark {
namespace {

#if defined(DEEPMARK_NDK)
constexpr char runtime[] = "ndk";
#else
constexpr char runtime[] = "glibc-wheel";
#endif
#if defined(__aarch64__)
constexpr char abi[] = "aarch64";
#else
constexpr char abi[] = "x86_64";
#endif

constexpr std::size_t block = 32;  // samples that are kept before they are written

struct Sample {
    double at, letterbox, network, decode;
    std::size_t objects;
    int cpu;
};

bool read_pictures(const std::string& folder, std::vector<Picture>& pictures, std::string& error) {
    std::vector<std::string> names;
    if (!list_names(folder, names)) {
        error = folder + ": no folder of pictures";
        return false;
    }
    std::sort(names.begin(), names.end());
    for (const auto& name : names) {
        if (name.size() <= 4 || name.compare(name.size() - 4, 4, ".ppm") != 0) continue;
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

Sides sides_of(const Picture& picture) { return {picture.height, picture.width}; }

// Make every session that the pictures need, the first picture's last.
bool prepare_all(Pipeline& pipeline, const std::vector<Picture>& pictures, std::string& error) {
    std::vector<Sides> inputs;
    for (const Picture& one : pictures) {
        const Sides input = pipeline.input_for(sides_of(one));
        if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) inputs.push_back(input);
    }
    if (inputs.size() > pipeline.most_sessions()) {
        error = "the pictures make " + std::to_string(inputs.size()) +
                " sizes of the network's input, at most " +
                std::to_string(pipeline.most_sessions()) + " are kept ready";
        return false;
    }
    return std::all_of(inputs.rbegin(), inputs.rend(),
                       [&](const Sides& one) { return pipeline.prepare(one, error); });
}

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

// Of a GPU: no threads, and its own words for the precision.
std::string asked(const EngineSettings& engine) {
    const std::string compute = R"(,"compute":)" + quoted(computes[std::size_t(engine.compute)]);
    if (!is_gpu(engine.compute))
        return compute + R"(,"precision":")" +
               (engine.precision == Precision::fp16 ? "fp16" : "fp32") + R"(","threads":)" +
               std::to_string(engine.threads);
    return compute + R"(,"precision":)" +
           quoted(gpu_precisions[std::size_t(engine.gpu.precision)]) +
           R"(,"threads":0,"storage":)" + quoted(storages[std::size_t(engine.gpu.storage)]) +
           R"(,"tuning":)" + quoted(tunings[std::size_t(engine.gpu.tuning)]);
}

std::string start_line(const std::string& bundle, const BenchmarkSettings& settings) {
    static const char* const powers[] = {"normal", "high", "low"};
    const EngineSettings& engine = settings.engine;
    return R"({"event":"start","format":"dm_bench/1","mnn_version":)" +
           quoted(Engine::mnn_version()) + R"(,"runtime":")" + runtime + R"(","abi":")" + abi +
           R"(","model":)" + quoted(bundle.substr(bundle.find_last_of('/') + 1)) + asked(engine) +
           R"(,"power":)" + quoted(powers[int(engine.power)]) + R"(,"techniques":)" +
           quoted(settings.techniques) + R"(,"cpus_allowed":)" + quoted(cpus_allowed()) +
           R"(,"memory":)" + memory_now() + "}";
}

std::string loaded_line(const Pipeline& pipeline, Compute compute, double load_ms) {
    const Engine& engine = pipeline.session().engine();
    const Sides& input = pipeline.session().input();
    return R"({"event":"loaded","load_ms":)" + fixed(load_ms, 3) + R"(,"fit":")" +
           in_words(pipeline.fit()) + R"(","input":[)" + std::to_string(input.height) + "," +
           std::to_string(input.width) + R"(],"precision_used":")" + pipeline.precision_used() +
           R"(","backend":")" + (engine.gpu() ? gpu_name(compute) : "CPU") +
           R"(","threads_used":)" + std::to_string(engine.threads_used()) +
           R"(,"winograd_level":)" + std::to_string(pipeline.winograd_level()) +
           R"(,"mnn_memory_mib":)" + session_memory(engine) + R"(,"mnn_mflops":)" +
           shown(double(engine.mflops())) + R"(,"gpu":)" + gpu_facts(engine) + R"(,"memory":)" +
           memory_now() + "}";
}

void write(std::vector<Sample>& samples, Listener& listener) {
    for (const Sample& one : samples)
        listener.line(R"({"event":"sample","t_ms":)" + fixed(one.at, 3) + R"(,"letterbox_ms":)" +
                      fixed(one.letterbox, 4) + R"(,"network_ms":)" + fixed(one.network, 4) +
                      R"(,"decode_ms":)" + fixed(one.decode, 4) + R"(,"objects":)" +
                      std::to_string(one.objects) + R"(,"cpu":)" + std::to_string(one.cpu) + "}");
    samples.clear();
}

std::string end_line(int runs, double seconds, double processor, const std::set<int>& cpus) {
    std::string used;
    for (int cpu : cpus) used += (used.empty() ? "" : ",") + std::to_string(cpu);
    return R"({"event":"end","runs":)" + std::to_string(runs) + R"(,"seconds":)" +
           fixed(seconds, 3) + R"(,"processor_s":)" + fixed(processor, 6) + R"(,"cpus_used":[)" +
           used + R"(],"memory":)" + memory_now() + "}";
}

}  // namespace

bool BenchmarkSettings::check(std::string& error) const {
    const auto within = [&](const char* name, double value, double low, double high) {
        if (!(value >= low && value <= high) && error.empty())
            error = std::string(name) + " must be from " + shown(low) + " to " + shown(high) +
                    ", found " + shown(value);
    };
    error.clear();
    within("runs of the warm-up", warm_runs, 0, most_warm_runs);
    within("seconds of the warm-up", warm_seconds, 0, most_seconds);
    within("runs", runs, 0, most_runs);
    within("seconds", seconds, 0, most_seconds);
    if (threshold >= 0 || !(threshold < 0)) within("the threshold", threshold, 0, 1);
    unsigned chosen = 0;
    if (error.empty() && techniques != "manifest" && !read_techniques(techniques, chosen))
        error = "techniques must be manifest, all, none or a list such as 1,2,4, found '" +
                techniques + "'";
    if (error.empty() && !runs && seconds <= 0) error = "runs or seconds must be above 0";
    return error.empty();
}

BenchmarkEnd run_benchmark(const std::string& bundle_folder, const std::string& picture_folder,
                           const BenchmarkSettings& settings, Listener& listener,
                           Failure& failure) {
    std::string error;
    const auto fail = [&](const char* hint) {
        failure = {error, hint};
        return BenchmarkEnd::failed;
    };
    std::vector<Picture> pictures;
    if (!settings.check(error)) return fail("choose another value");
    if (!read_pictures(picture_folder, pictures, error)) return fail("make binary PPM pictures");
    const std::string bundle = without_slashes(bundle_folder);
    listener.line(start_line(bundle, settings));
    const Stopwatch from_start;
    InputChoice choice;
    choice.fit = settings.fit;
    choice.size = settings.size;
    choice.first_picture = sides_of(pictures[0]);
    auto pipeline = Pipeline::open(bundle, settings.engine, choice, error);
    if (!pipeline)
        return fail(settings.size.height && !is_gpu(settings.engine.compute)
                        ? "leave --size out; if that fails too, copy the bundle again"
                        : load_hint(settings.engine));
    if (settings.fit && !pipeline->use_fit(*settings.fit, error)) return fail(Pipeline::fit_hint);
    if (!prepare_all(*pipeline, pictures, error))
        return fail("give pictures of one shape, or leave --fit rect out");
    DecoderParams params = pipeline->bundle().decoder;
    unsigned chosen = 0;
    if (settings.techniques != "manifest" && read_techniques(settings.techniques, chosen)) {
        if (!pipeline->bundle().channels.count("hm_hp") && (chosen & ~blur_alone)) {
            error =
                bundle + " has no use for techniques 1, 3 and 4: it has no heatmap of landmarks";
            return fail("of the paper's techniques only 2 has a meaning for it");
        }
        params = with_techniques(params, chosen);
    }
    if (settings.threshold >= 0) params.score_threshold = settings.threshold;
    pipeline->set_params(params);
    if (settings.flip && !pipeline->use_flip(true, error))
        return fail("export the model again with a table that names each landmark's partner");
    listener.line(loaded_line(*pipeline, settings.engine.compute, from_start.ms()));
    Detections found;
    Sample sample{};
    std::size_t turn = 0;
    const auto run = [&] {
        const Picture& picture = pictures[turn++ % pictures.size()];
        sample.at = from_start.ms();
        Stopwatch phase;
        if (!pipeline->letterbox(picture.view(), error)) return false;
        sample.letterbox = phase.lap_ms();
        if (!pipeline->run_network(error)) return false;
        sample.network = phase.lap_ms();
        if (!pipeline->decode(found, error)) return false;
        sample.decode = phase.lap_ms();
        sample.objects = found.objects.size();
        sample.cpu = sched_getcpu();
        return true;
    };
    const Stopwatch warming;
    int warmed = 0;
    for (; warmed < settings.warm_runs || warming.ms() < 1000 * settings.warm_seconds; ++warmed) {
        if (listener.cancelled()) return BenchmarkEnd::cancelled;
        if (!run()) return fail("run dm_verify on the bundle");
    }
    listener.line(R"({"event":"warm","runs":)" + std::to_string(warmed) + R"(,"seconds":)" +
                  fixed(warming.ms() / 1000, 3) + "}");
    std::vector<Sample> samples;
    samples.reserve(block);
    std::set<int> cpus;
    const int runs = settings.runs;
    const double time_ms = 1000 * settings.seconds;
    const Stopwatch measuring;
    const double spent_before = processor_s();
    int done = 0;
    turn = 0;
    while ((!runs || done < runs) && (time_ms <= 0 || measuring.ms() < time_ms)) {
        if (listener.cancelled()) return BenchmarkEnd::cancelled;
        if (!run()) return fail("run dm_verify on the bundle");
        samples.push_back(sample);
        cpus.insert(sample.cpu);
        ++done;
        if (samples.size() == block) write(samples, listener);
    }
    const double took = measuring.ms() / 1000, spent = processor_s() - spent_before;
    write(samples, listener);
    listener.line(end_line(done, took, spent, cpus));
    return BenchmarkEnd::done;
}

}  // namespace deepmark
