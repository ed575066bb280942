// engine_run MODEL HEIGHT WIDTH MULTIPLE INPUT OUTPUT [opencl|vulkan KERNELS]: two runs; the second
// one's outputs, each as "name C H W\n" and its floats; MNN's memory in MiB is printed, and what
// became of a GPU's compiled kernels.
// engine_run detect DETECTOR REFINER HEIGHT WIDTH PICTURE OUTPUT [rect]: the public header's way;
// for each object of a picture of raw bytes its score and the x and y of its landmarks, floats.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bytes.hpp"
#include "engine.hpp"

namespace {

bool run_engine(char** words, bool on_gpu, std::string& error) {
    const int height = std::atoi(words[2]), width = std::atoi(words[3]);
    const int multiple = std::atoi(words[4]);
    deepmark::EngineSettings settings;
    if (on_gpu) {
        const bool opencl = std::string(words[7]) == "opencl";
        settings.compute = opencl ? deepmark::Compute::opencl : deepmark::Compute::vulkan;
        settings.gpu.tuning = deepmark::Tuning::none;
        settings.gpu.kernels = words[8];
    }
    std::uint64_t size = 0;
    const deepmark::ModelFile model = {words[1], deepmark::sha256_of_file(words[1], size), {}};
    auto engine = deepmark::Engine::load(model, height, width, multiple, settings, error);
    if (!engine) return false;
    if (engine->gpu()) std::printf("kernels %s\n", engine->gpu()->kernels.c_str());
    std::vector<float> input(size_t(3 * height * width));
    std::ifstream(words[5], std::ios::binary)
        .read(reinterpret_cast<char*>(input.data()), std::streamsize(input.size() * sizeof(float)));
    if (!engine->run({input.data()}, error) || !engine->run({input.data()}, error)) return false;
    std::ofstream out(words[6], std::ios::binary);
    for (const auto& one : engine->outputs()) {
        out << one.name << ' ' << one.shape[1] << ' ' << one.shape[2] << ' ' << one.shape[3]
            << '\n';
        out.write(reinterpret_cast<const char*>(one.values),
                  std::streamsize(one.count() * sizeof(float)));
    }
    std::printf("%g\n", double(engine->memory_mib()));
    return bool(out.flush());
}

bool detect(char** words, bool rect, std::string& error) {
    const int height = std::atoi(words[4]), width = std::atoi(words[5]);
    std::vector<char> pixels(size_t(3 * height * width));
    std::ifstream(words[6], std::ios::binary).read(pixels.data(), std::streamsize(pixels.size()));
    auto detector = deepmark::Detector::open(words[2], {}, error);
    if (!detector || (rect && !detector->use_fit(deepmark::Fit::rect, error))) return false;
    auto refiner = deepmark::Refiner::open({words[3]}, {}, error);
    if (!refiner || !detector->use_refiner(std::move(refiner), error)) return false;
    deepmark::Detections found;
    if (!detector->detect(reinterpret_cast<const unsigned char*>(pixels.data()), height, width,
                          found, error))
        return false;
    std::vector<float> values;
    for (const auto& one : found.objects) {
        values.push_back(one.score);
        for (int i = one.first; i < one.first + one.count; ++i)
            values.insert(values.end(),
                          {found.landmarks[size_t(i)].x, found.landmarks[size_t(i)].y});
    }
    std::ofstream out(words[7], std::ios::binary);
    out.write(reinterpret_cast<const char*>(values.data()),
              std::streamsize(values.size() * sizeof(float)));
    return bool(out.flush());
}

}  // namespace

int main(int count, char** words) {
    if (count < 7 || count > 9) return 2;
    std::string error;
    const bool detects = std::string(words[1]) == "detect", longest = count == 9;
    if (detects ? detect(words, longest, error) : run_engine(words, longest, error)) return 0;
    std::fprintf(stderr, "error: %s\n", error.c_str());
    return 1;
}
