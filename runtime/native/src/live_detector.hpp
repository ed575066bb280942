// A detector for a program that shows what it finds: the time of each phase, and parameters that
// may change with every picture. Programs in other languages hold it by a number.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "pipeline.hpp"
#include "stopwatch.hpp"

namespace deepmark {

struct PhaseTimes {
    double convert_ms = 0, network_ms = 0, decode_ms = 0;
};

// Threads take turns.
class LiveDetector {
public:
    explicit LiveDetector(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

    // picture: as letterbox takes it.
    // techniques: those that are on (techniques.hpp); the others are off.
    // score: least score of an object, 0 to 1.
    // found: in pixels of the picture.
    template <class View>
    bool detect(const View& picture, unsigned techniques, double score, Detections& found,
                PhaseTimes& times, std::string& error) {
        const std::lock_guard<std::mutex> lock(turn_);
        if (!choose(techniques, score, error)) return false;
        Stopwatch phase;
        if (!pipeline_->letterbox(picture, error)) return false;
        times.convert_ms = phase.lap_ms();
        if (!pipeline_->run_network(error)) return false;
        times.network_ms = phase.lap_ms();
        if (!pipeline_->decode(found, error)) return false;
        times.decode_ms = phase.lap_ms();
        return true;
    }

    // described() of its model.
    std::string description();

private:
    bool choose(unsigned techniques, double score, std::string& error);

    std::mutex turn_;
    std::unique_ptr<Pipeline> pipeline_;
    unsigned techniques_ = 0;
    double score_ = -1;  // none was chosen
};

// Numbers never come again: one that is stale is no detector, and not another.
class DetectorTable {
public:
    std::int64_t add(std::shared_ptr<LiveDetector> detector);
    // Null where there is none. It lives on while somebody holds it.
    std::shared_ptr<LiveDetector> get(std::int64_t number);
    void remove(std::int64_t number);

private:
    std::mutex guard_;
    std::map<std::int64_t, std::shared_ptr<LiveDetector>> all_;
    std::int64_t last_ = 0;
};

}  // namespace deepmark
