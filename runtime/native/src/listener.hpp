// Who follows a long work: it hears lines of JSON as they come, and may end it.
#pragma once

#include <string>

namespace deepmark {

class Listener {
public:
    virtual ~Listener() = default;
    // One JSON object, without its line feed.
    virtual void line(const std::string& json) = 0;
    // Asked between two runs of the network.
    virtual bool cancelled() { return false; }
};

// Why a work could not be done, and what may help.
struct Failure {
    std::string message, hint;
};

}  // namespace deepmark
