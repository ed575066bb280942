#include <exception>

#include "refinement.hpp"

namespace deepmark {

Refiner::Refiner(std::unique_ptr<Refinement> refinement) : refinement_(std::move(refinement)) {}
Refiner::~Refiner() = default;

std::unique_ptr<Refiner> Refiner::open(const std::vector<std::string>& bundles,
                                       const EngineSettings& settings, std::string& error) noexcept
    try {
    auto refinement = Refinement::open(bundles, settings, error);
    return refinement ? std::unique_ptr<Refiner>(new Refiner(std::move(refinement))) : nullptr;
} catch (const std::exception& caught) {
    error = caught.what();
    return nullptr;
}

bool Refiner::refine(const std::uint8_t* image, int height, int width, Detections& found,
                     std::string& error) noexcept try {
    return refinement_->refine(BgrView{image, height, width}, found, error);
} catch (const std::exception& caught) {
    error = caught.what();
    return false;
}

}  // namespace deepmark
