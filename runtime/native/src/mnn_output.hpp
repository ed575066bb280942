// What MNN prints while something is done: errors of a GPU reach no return code, they are lines on
// stdout, or in Android's log. As runtime/engines/mnn_messages.py.
#pragma once

#include <mutex>
#include <string>

namespace deepmark {

// The first line that means trouble; empty where there is none.
std::string trouble_in(const std::string& printed);

// From here on what the process prints on stdout is kept; end() passes it on and returns it. One at
// a time: the descriptor belongs to the whole process.
class MnnOutput {
public:
    MnnOutput();
    ~MnnOutput() { end(); }
    MnnOutput(const MnnOutput&) = delete;
    MnnOutput& operator=(const MnnOutput&) = delete;
    std::string end();

private:
    std::unique_lock<std::mutex> turn_;
    int before_ = -1;  // where stdout leads otherwise; -1: it is not diverted
};

}  // namespace deepmark
