// What a GPU's driver compiled and MNN tuned for a model, kept for the next session: the same files
// as runtime/engines/kernel_cache.py makes, by the same rules (docs/decisions/0042).
//
// MNN writes its file in place, does not notice damage inside, and hands it to the driver, which
// may crash on it. So MNN gets a file of its own for each session; what it wrote is kept under a
// name that stands for all that it depends on, with that and a sha256 in front, whole or not at
// all. While a session tries a kept file there is a locked mark beside it: a mark that nobody holds
// means that its process died, and the file is thrown away.
//
// All this is only about time: where nothing can be kept, kernels are compiled again.
#pragma once

#include "folders.hpp"
#include "gpu_device.hpp"

namespace deepmark {

// All that compiled kernels and their tuning depend on.
struct KernelKey {
    std::string model_sha256;  // hex
    Compute gpu = Compute::opencl;
    GpuDevice device;
    std::string mnn;                // its version
    int mode = 0;                   // gpu_mode
    int precision = 0, memory = 0;  // MNN's numbers
    bool cpu_operators = false;     // whether operators may run on the CPU
    std::vector<int> shape;         // of the input, (1, 3, height, width)

    std::string text() const;       // all of it, JSON, to the byte as Python writes it
    std::string file_name() const;  // letters, digits and hyphens
};

// The file that MNN reads when a session is made, and writes afterwards.
class KernelLoan {
public:
    // folder: where kernels are kept; empty: nowhere.
    KernelLoan(const std::string& folder, const KernelKey& key);
    ~KernelLoan();
    KernelLoan(const KernelLoan&) = delete;
    KernelLoan& operator=(const KernelLoan&) = delete;

    const std::string& file() const { return file_; }    // empty where nothing can be kept
    bool is_filled() const { return !lent_.empty(); }    // MNN finds kernels in it
    const std::string& state() const { return state_; }  // "cached"; "compiled", and why

    // What a session takes up to its first heads with nothing kept, in milliseconds.
    // spent_ms: what this one took.
    double compiled_ms(double spent_ms) const { return is_filled() ? compiled_ms_ : spent_ms; }

    // Throw away what was lent, as a session that used it went wrong. The file is empty then.
    void condemn();

    // Keep what MNN wrote, if it is more than it was lent.
    void keep(double spent_ms);

    // Keep nothing.
    void give_up(const std::string& why);

private:
    void lend();
    bool mark();

    std::string folder_, name_, key_, file_, mark_, state_ = "compiled";
    ScratchFolder scratch_;
    FileLock trying_;
    std::string lent_;  // sha256 of what was lent; empty: nothing
    double compiled_ms_ = 0;
};

}  // namespace deepmark
