// What the three programs share: their words, their JSON lines, their exit codes.
#pragma once

#include <cstdio>
#include <map>
#include <set>

#include "listener.hpp"
#include "pipeline.hpp"

namespace deepmark::program {

enum Exit { ok = 0, failed = 1, usage = 2, differs = 3 };

struct Words {
    std::map<std::string, std::string> options;             // with their leading "--"
    std::map<std::string, std::vector<std::string>> lists;  // of options that may be repeated
    std::vector<std::string> files;
    std::string wrong;  // not empty: what is wrong with the command line

    std::string text(const std::string& option, const std::string& otherwise) const;
    int whole(const std::string& option, int otherwise, int low, int high);
    double number(const std::string& option, double otherwise, double low, double high);
    // The position of the option's value in `choices`; 0 where the option is missing.
    int choice(const std::string& option, const std::vector<std::string>& choices);
};

// known: options with a value.  flags: options that stand alone.  repeated: options with a value
// that may stand more than once.
Words read_words(int count, char** words, const std::set<std::string>& known,
                 const std::set<std::string>& flags = {},
                 const std::set<std::string>& repeated = {});

// How a network is computed: --threads, --precision, --power, --winograd, --memory, --compute,
// --gpu-precision, --opencl-storage, --gpu-tuning, --kernels, each with a value;
// --allow-cpu-operators.
EngineSettings settings_of(Words& words);

// The last six of them are of every program: `more`, and those with a value; and their usage.
std::set<std::string> with_gpu_options(std::set<std::string> more);
constexpr char gpu_flag[] = "--allow-cpu-operators";
extern const char gpu_usage[];

// --fit; none where the bundle shall say it.
std::optional<Fit> fit_of(Words& words);

// Where JSON lines go. The process's own stdout leads to stderr: MNN prints lines there.
std::FILE* out();

class Stdout : public Listener {
public:
    void line(const std::string& json) override;
};

// The contract's error: the last line of stdout, and the sentence on stderr.
Exit report(const std::string& message, const std::string& hint, Exit code = failed);

// Run `body`, and report what it throws.
int guarded(Exit (*body)(int, char**), int count, char** words);

}  // namespace deepmark::program
