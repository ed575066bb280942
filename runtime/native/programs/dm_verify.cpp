// dm_verify BUNDLE: run the bundle's golden vectors and compare with what the network gave, as JSON
// lines.
#include "command_line.hpp"
#include "verification.hpp"

using namespace deepmark;
using namespace deepmark::program;

namespace {

Exit run(int count, char** arguments) {
    Words words =
        read_words(count, arguments, with_gpu_options({"--threads", "--precision"}), {gpu_flag});
    const EngineSettings settings = settings_of(words);
    if (words.wrong.empty() && words.files.size() != 1) words.wrong = "expected one BUNDLE";
    if (!words.wrong.empty())
        return report(
            words.wrong,
            std::string("dm_verify BUNDLE [--threads N] [--precision fp32|fp16]") + gpu_usage,
            usage);
    Stdout lines;
    Failure failure;
    const Verdict verdict = verify(words.files[0], settings, lines, failure);
    if (verdict == Verdict::failed) return report(failure.message, failure.hint);
    return verdict == Verdict::equal ? ok : differs;
}

}  // namespace

int main(int count, char** words) { return guarded(run, count, words); }
