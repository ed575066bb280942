#include <exception>

#include "pipeline.hpp"
#include "refinement.hpp"

namespace deepmark {

Detector::Detector(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
Detector::~Detector() = default;

std::unique_ptr<Detector> Detector::open(const std::string& bundle, const EngineSettings& settings,
                                         std::string& error) noexcept try {
    auto pipeline = Pipeline::open(bundle, settings, {}, error);
    return pipeline ? std::unique_ptr<Detector>(new Detector(std::move(pipeline))) : nullptr;
} catch (const std::exception& caught) {
    error = bundle + ": " + caught.what();
    return nullptr;
}

bool Detector::detect(const std::uint8_t* image, int height, int width, Detections& found,
                      std::string& error) noexcept try {
    return pipeline_->letterbox(BgrView{image, height, width}, error) &&
           pipeline_->run_network(error) && pipeline_->decode(found, error) &&
           (!refiner_ || refiner_->refine(image, height, width, found, error));
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

bool Detector::use_fit(Fit fit, std::string& error) noexcept try {
    return pipeline_->use_fit(fit, error);
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

bool Detector::use_flip(bool on, std::string& error) noexcept try {
    return pipeline_->use_flip(on, error);
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

bool Detector::use_refiner(std::unique_ptr<Refiner> refiner, std::string& error) noexcept try {
    if (refiner && !refiner->refinement_->require_detector(pipeline_->bundle(), error))
        return false;
    refiner_ = std::move(refiner);
    return true;
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

const std::vector<std::string>& Detector::class_names() const noexcept {
    return pipeline_->bundle().schema.class_names;
}

}  // namespace deepmark
