#include "live_detector.hpp"

#include "model_description.hpp"
#include "techniques.hpp"

namespace deepmark {

bool LiveDetector::choose(unsigned techniques, double score, std::string& error) {
    if (techniques == techniques_ && score == score_) return true;
    DecoderParams params = with_techniques(pipeline_->bundle().decoder, techniques);
    params.score_threshold = score;
    if (!params.check(error)) return false;
    pipeline_->set_params(params);
    techniques_ = techniques;
    score_ = score;
    return true;
}

std::string LiveDetector::description() {
    const std::lock_guard<std::mutex> lock(turn_);
    return described(*pipeline_);
}

std::int64_t DetectorTable::add(std::shared_ptr<LiveDetector> detector) {
    const std::lock_guard<std::mutex> lock(guard_);
    all_.emplace(++last_, std::move(detector));
    return last_;
}

std::shared_ptr<LiveDetector> DetectorTable::get(std::int64_t number) {
    const std::lock_guard<std::mutex> lock(guard_);
    const auto found = all_.find(number);
    return found == all_.end() ? nullptr : found->second;
}

void DetectorTable::remove(std::int64_t number) {
    std::shared_ptr<LiveDetector> freed_without_the_lock;
    const std::lock_guard<std::mutex> lock(guard_);
    const auto found = all_.find(number);
    if (found == all_.end()) return;
    freed_without_the_lock = std::move(found->second);
    all_.erase(found);
}

}  // namespace deepmark
