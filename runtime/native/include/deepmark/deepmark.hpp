// DeepMark++ in C++: a model bundle in, pictures in, garments with landmarks out.
//
//   std::string error;
//   auto detector = deepmark::Detector::open("shirt.deepmark", {}, error);
//   deepmark::Detections found;
//   if (!detector || !detector->detect(pixels, height, width, found, error)) return fail(error);
//
// No function throws. A detector and a refiner are used by one thread at a time; several of them
// may live side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace deepmark {

struct Landmark {
    float x = 0, y = 0;    // image pixels (heatmap cells before the way back to the picture)
    float value = 0;       // of the heatmap, 0 to 1; 0 where unrefined
    bool refined = false;  // comes from the heatmap, not from the regression alone
};

struct Object {
    int class_id = 0;             // index into the model's classes
    float score = 0;              // final, Eq. (1), 0 to 1; after soft-NMS where that is on
    float box_score = 0;          // of the centre
    float keypoints_score = 0;    // mean landmark value
    float box[4] = {0, 0, 0, 0};  // x1, y1, x2, y2, image pixels
    int cell = 0;                 // heatmap cell that it was decoded from, y * width + x
    // Its landmarks: landmarks[first .. first + count), in the class's order.
    int first = 0, count = 0;
};

// Best first.
struct Detections {
    std::vector<Object> objects;
    std::vector<Landmark> landmarks;  // of all objects, those that suppression removed included
};

// The network's input: of one size whatever the picture, or of the picture's own shape.
enum class Fit { square, rect };

enum class Precision { fp32, fp16 };
enum class Power { normal, high, low };
enum class Memory { normal, low };

// What computes. A GPU must be proven to run every operator when a model is loaded, or loading
// fails; nothing falls back to the CPU. docs/phone-gpu.md has all of it.
enum class Compute { cpu, opencl, vulkan };
enum class GpuPrecision { high, normal, low };          // fp32; fp16 stored, sums in fp32; fp16
enum class Storage { image, buffer };                   // OpenCL's; Vulkan has images
enum class Tuning { wide, none, fast, normal, heavy };  // Vulkan has wide, none and heavy

struct GpuSettings {
    GpuPrecision precision = GpuPrecision::high;
    Storage storage = Storage::image;
    Tuning tuning = Tuning::wide;
    bool allow_cpu_operators = false;  // go on where the GPU lacks operators
    // Folder, made if it is not there, for what the driver compiles: the next session for the same
    // model, size, device and settings takes it. Where it cannot be written kernels are compiled
    // again. Empty: nothing is kept.
    std::string kernels;
};

struct EngineSettings {
    Compute compute = Compute::cpu;
    GpuSettings gpu;                        // where a GPU computes; of the rest it has memory only
    int threads = 1;                        // 1 to 64
    Precision precision = Precision::fp32;  // fp16 only where the processor has it: x86 stays fp32
    int winograd_level = -1;  // MNN's WINOGRAD_MEMORY_LEVEL, 0 to 3; -1: the model's own, or MNN's
    Power power = Power::normal;
    Memory memory = Memory::normal;
};

class Pipeline;
class Refinement;

// Gives landmarks that a detector found again, nearer to where they are (PoseFix). Boxes, classes,
// scores and landmark values stay.
class Refiner {
public:
    // Open unpacked bundle folders that `deepmark refiner export` made, one for all classes or each
    // for other ones, and check each of their files. It computes on the CPU in fp32 whatever
    // the settings say. Null on failure, `error` says why.
    static std::unique_ptr<Refiner> open(const std::vector<std::string>& bundles,
                                         const EngineSettings& settings,
                                         std::string& error) noexcept;

    // Refine objects with a score of .05 or more, whose class a bundle refines; others stay as they
    // are. A network runs once for each.
    // image: as Detector::detect takes it, the picture that they were found in.
    // found: objects in its pixels. False on failure, `error` says why; some are then refined.
    bool refine(const std::uint8_t* image, int height, int width, Detections& found,
                std::string& error) noexcept;

    ~Refiner();

private:
    friend class Detector;
    explicit Refiner(std::unique_ptr<Refinement> refinement);
    std::unique_ptr<Refinement> refinement_;
};

class Detector {
public:
    // Open an unpacked bundle folder NAME.deepmark and check each of its files. Null on failure,
    // `error` says why.
    static std::unique_ptr<Detector> open(const std::string& bundle, const EngineSettings& settings,
                                          std::string& error) noexcept;

    // image: (height, width, 3) bytes, blue, green, red, rows first, 1 to 32766 pixels a side.
    // found: objects in pixels of this image. False on failure, `error` says why.
    bool detect(const std::uint8_t* image, int height, int width, Detections& found,
                std::string& error) noexcept;

    // What the network's input is from the next picture on; before, what the bundle says. With
    // Fit::rect the model's size is the largest that it has, and what would be black is left out:
    // less time for all pictures that are not square. Two sizes are kept ready, each in memory of
    // its own; a third one takes the place of that which was not used for longer, and its first
    // picture the time of an opening. False where the bundle takes one size only; `error` says so.
    bool use_fit(Fit fit, std::string& error) noexcept;

    // Whether heads are the mean of the picture and its mirror image from now on: better, for twice
    // the time. False where the bundle does not say which landmarks are left and right; `error`
    // says so.
    bool use_flip(bool on, std::string& error) noexcept;

    // Let a refiner move the landmarks of whatever is detected from now on; null: none. False where
    // it is for other landmarks than are found here; `error` says so, and nothing changes.
    bool use_refiner(std::unique_ptr<Refiner> refiner, std::string& error) noexcept;

    const std::vector<std::string>& class_names() const noexcept;

    ~Detector();

private:
    explicit Detector(std::unique_ptr<Pipeline> pipeline);
    std::unique_ptr<Pipeline> pipeline_;
    std::unique_ptr<Refiner> refiner_;
};

}  // namespace deepmark
