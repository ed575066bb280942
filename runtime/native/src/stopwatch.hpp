// Elapsed time, in milliseconds.
#pragma once

#include <chrono>
#include <utility>

namespace deepmark {

class Stopwatch {
public:
    double ms() const { return ms_between(start_, Clock::now()); }

    // The time since the last call, or since the beginning.
    double lap_ms() {
        const auto now = Clock::now();
        return ms_between(std::exchange(last_, now), now);
    }

private:
    using Clock = std::chrono::steady_clock;
    static double ms_between(Clock::time_point from, Clock::time_point to) {
        return std::chrono::duration<double, std::milli>(to - from).count();
    }

    Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace deepmark
