// dm_detect BUNDLE PICTURE.ppm...: garments and landmarks, one JSON line a picture, in image
// pixels.
#include "command_line.hpp"
#include "gpu_settings.hpp"
#include "picture.hpp"
#include "refinement.hpp"

using namespace deepmark;
using namespace deepmark::program;

namespace {

std::string listed(const std::vector<double>& values) {
    std::string text = "[";
    for (std::size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + shown(values[i]);
    return text + "]";
}

std::string described(const Object& one, const Detections& found, const std::string& class_name) {
    std::vector<double> points, scores;
    std::string refined = "[";
    for (int i = one.first; i < one.first + one.count; ++i) {
        const Landmark& point = found.landmarks[std::size_t(i)];
        points.insert(points.end(), {double(point.x), double(point.y)});
        scores.push_back(double(point.value));
        refined += (i > one.first ? "," : "") + std::string(point.refined ? "true" : "false");
    }
    return "{\"class_id\":" + std::to_string(one.class_id) +
           ",\"class_name\":" + quoted(class_name) + ",\"score\":" + shown(double(one.score)) +
           ",\"box\":" + listed({one.box, one.box + 4}) + ",\"keypoints\":" + listed(points) +
           ",\"keypoint_scores\":" + listed(scores) + ",\"refined\":" + refined + "]}";
}

bool read_picture(const std::string& path, Picture& picture, Failure& failure) {
    Bytes content;
    if (!read_file(path, std::size_t(1) << 30, content, failure.message)) {
        failure.hint = "check the path";
        return false;
    }
    if (read_ppm(content, picture, failure.message)) return true;
    failure = {path + ": " + failure.message, "convert the picture to binary PPM"};
    return false;
}

Exit detect(int count, char** arguments) {
    Words words = read_words(count, arguments,
                             with_gpu_options({"--threshold", "--fit", "--threads", "--precision"}),
                             {"--flip", gpu_flag}, {"--refine"});
    const EngineSettings settings = settings_of(words);
    InputChoice choice;
    choice.fit = fit_of(words);
    const double threshold = words.number("--threshold", -1, 0, 1);
    if (words.wrong.empty() && words.files.size() < 2)
        words.wrong = "expected BUNDLE PICTURE.ppm...";
    if (!words.wrong.empty())
        return report(words.wrong,
                      std::string("dm_detect BUNDLE PICTURE.ppm... [--threshold T] "
                                  "[--fit square|rect] [--threads N] [--precision fp32|fp16] "
                                  "[--flip] [--refine REFINER]...") +
                          gpu_usage,
                      usage);
    Picture picture;
    Failure failure;
    if (!read_picture(words.files[1], picture, failure))
        return report(failure.message, failure.hint);
    choice.first_picture = {picture.height, picture.width};
    std::string error;
    auto pipeline = Pipeline::open(words.files[0], settings, choice, error);
    if (!pipeline)
        return report(error, is_gpu(settings.compute)
                                 ? load_hint(settings)
                                 : "BUNDLE must be a detector's: give refiners by --refine; if it "
                                   "is one, copy it again, or export it again");
    if (choice.fit && !pipeline->use_fit(*choice.fit, error))
        return report(error, Pipeline::fit_hint);
    if (words.options.count("--flip") && !pipeline->use_flip(true, error))
        return report(error,
                      "export the model again with a table that names each landmark's partner");
    std::unique_ptr<Refinement> refinement;
    if (words.lists.count("--refine")) {
        refinement = Refinement::open(words.lists["--refine"], settings, error);
        if (!refinement)
            return report(error,
                          "--refine takes refiners that deepmark refiner export made, "
                          "unpacked, each for other classes");
        if (!refinement->require_detector(pipeline->bundle(), error))
            return report(error,
                          "give a refiner that was trained with the model's own schema, or leave "
                          "--refine out");
    }
    if (threshold >= 0) {
        DecoderParams params = pipeline->bundle().decoder;
        params.score_threshold = threshold;
        pipeline->set_params(params);
    }
    for (std::size_t i = 1; i < words.files.size(); ++i) {
        const std::string& path = words.files[i];
        Detections found;
        if (i > 1 && !read_picture(path, picture, failure))
            return report(failure.message, failure.hint);
        if (!pipeline->letterbox(picture.view(), error) || !pipeline->run_network(error) ||
            !pipeline->decode(found, error))
            return report(path + ": " + error, "run dm_verify on the bundle");
        if (refinement && !refinement->refine(picture.view(), found, error))
            return report(path + ": " + error, "run deepmark refiner verify on the refiner");
        std::string line = "{\"picture\":" + quoted(path) +
                           ",\"width\":" + std::to_string(picture.width) +
                           ",\"height\":" + std::to_string(picture.height) + ",\"objects\":[";
        for (const Object& one : found.objects)
            line += (&one == found.objects.data() ? "" : ",") +
                    described(one, found,
                              pipeline->bundle().schema.class_names[std::size_t(one.class_id)]);
        std::fprintf(out(), "%s]}\n", line.c_str());
    }
    return ok;
}

}  // namespace

int main(int count, char** words) { return guarded(detect, count, words); }
