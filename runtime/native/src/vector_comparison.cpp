#include "vector_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "picture.hpp"
#include "shared_numbers.hpp"

namespace deepmark {
namespace {

bool numbers(const Json* from, std::vector<double>& to) {
    if (!from || from->kind != Json::array) return false;
    to.clear();
    for (const Json& one : from->items) {
        if (one.kind != Json::number) return false;
        to.push_back(one.value);
    }
    return true;
}

int cells_of(const ShapeSession& session) {
    return (session.input().height / stride) * (session.input().width / stride);
}

// What this machine gives at flat positions of a head, whoever computes it.
std::vector<float> values_at(Pipeline& pipeline, const std::string& head,
                             const std::vector<int>& positions) {
    std::vector<float> found(positions.size());
    if (pipeline.bundle().channels.count(head)) {
        const Output* output = pipeline.session().output(head);
        for (std::size_t i = 0; i < found.size(); ++i)
            found[i] = output->values[std::size_t(positions[i])];
        return found;
    }
    const int cells_in_map = cells_of(pipeline.session());
    const std::size_t count = positions.size();
    std::vector<int> cells, owner, group;
    std::vector<std::size_t> axis;
    for (std::size_t i = 0; i < count; ++i) {
        const int channel = positions[i] / cells_in_map;
        cells.push_back(positions[i] % cells_in_map);
        axis.push_back(std::size_t(channel % 2));
        if (head != "hps") continue;
        owner.push_back(int(i));
        group.push_back(channel / 2);
    }
    std::vector<float> sizes(2 * count), offsets(2 * count), displacements(2 * count);
    if (head == "hp_offset")
        pipeline.session().regressions().at_landmarks(cells, offsets.data());
    else
        pipeline.session().regressions().at_centres(cells, owner, group, sizes.data(),
                                                    offsets.data(), displacements.data());
    const auto& from = head == "wh" ? sizes : head == "hps" ? displacements : offsets;
    for (std::size_t i = 0; i < count; ++i) found[i] = from[axis[i] * count + i];
    return found;
}

// Where a head's difference is kept; null for a tensor that the decoder does not read.
double* slack_of(const std::string& head, Slack& slack) {
    const std::pair<const char*, double*> all[] = {
        {"hm", &slack.hm},   {"wh", &slack.wh},       {"hps", &slack.hps},
        {"reg", &slack.reg}, {"hm_hp", &slack.hm_hp}, {"hp_offset", &slack.hp_offset}};
    for (const auto& [name, value] : all)
        if (head == name) return value;
    return nullptr;
}

bool compare_heads(Pipeline& pipeline, const Json& expected, double rtol, Comparison& result,
                   std::string& error) {
    const Json* heads = expected.find("heads");
    auto channels = pipeline.bundle().channels;
    channels.insert(pipeline.bundle().gathered.begin(), pipeline.bundle().gathered.end());
    if (!heads || heads->members.size() != channels.size()) {
        error = "its heads are not those of the model";
        return false;
    }
    const int cells = cells_of(pipeline.session());
    for (const auto& [name, head] : heads->members) {
        std::vector<double> positions, values;
        const Json* scale = head.find("scale");
        if (!channels.count(name) || !numbers(head.find("positions"), positions) ||
            positions.empty() || !numbers(head.find("values"), values) ||
            values.size() != positions.size() || !scale) {
            error = "its head " + name + " is not what it must be";
            return false;
        }
        std::vector<int> where;
        for (double position : positions) {
            if (!(position >= 0 && position < double(channels[name]) * cells &&
                  position == std::floor(position))) {
                error = name + " has a position outside the map";
                return false;
            }
            where.push_back(int(position));
        }
        const auto found = values_at(pipeline, name, where);
        double largest = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const double difference = std::fabs(double(found[i]) - values[i]);
            largest = std::isfinite(difference) ? std::max(largest, difference)
                                                : std::numeric_limits<double>::infinity();
        }
        // Choices are excused by no more than on the exporter's machine.
        const double proven = parity_atol + parity_rtol * scale->value;
        const double used = largest / (parity_atol + rtol * scale->value);
        if (double* excused = slack_of(name, result.slack)) *excused = std::min(largest, proven);
        if (!(used <= 1)) result.equal = result.heads_equal = false;
        result.heads += (result.heads.empty() ? "" : ",") + quoted(name) +
                        ":{\"max_error\":" + shown(largest) + ",\"tolerance_used\":" + shown(used) +
                        "}";
    }
    return true;
}

struct Expected {
    int class_id = 0, cell = 0;
    double score = 0, centre_score = 0;
    std::vector<double> box, keypoints;
};

bool read_objects(const Pipeline& pipeline, const Json& expected, std::vector<Expected>& objects) {
    const Json* listed = expected.find("objects");
    if (!listed || listed->kind != Json::array) return false;
    const auto& groups = pipeline.bundle().schema.groups;
    const int width = pipeline.session().input().width / stride,
              height = pipeline.session().input().height / stride;
    for (const Json& one : listed->items) {
        const Json *class_id = one.find("class_id"), *score = one.find("score"),
                   *centre_score = one.find("box_score");
        std::vector<double> cell;
        Expected object;
        if (!class_id || !score || !centre_score || !numbers(one.find("cell"), cell) ||
            cell.size() != 2 || !numbers(one.find("box"), object.box) || object.box.size() != 4 ||
            !numbers(one.find("keypoints"), object.keypoints))
            return false;
        const double id = class_id->value;
        if (!(id >= 0 && id < double(groups.size())) ||
            object.keypoints.size() != 2 * groups[std::size_t(id)].size() ||
            !(cell[0] >= 0 && cell[0] < width && cell[1] >= 0 && cell[1] < height))
            return false;
        object.class_id = int(id);
        object.cell = int(cell[1]) * width + int(cell[0]);
        object.score = score->value;
        object.centre_score = centre_score->value;
        objects.push_back(std::move(object));
    }
    return true;
}

std::vector<Seen> seen(const std::vector<Expected>& objects) {
    std::vector<Seen> list;
    for (const Expected& one : objects) {
        list.push_back({one.class_id, one.score, {}, one.keypoints});
        std::copy(one.box.begin(), one.box.end(), list.back().box.begin());
    }
    return list;
}

std::vector<Seen> seen(const Detections& found) {
    std::vector<Seen> list;
    for (const Object& one : found.objects) {
        list.push_back({one.class_id, double(one.score), {}, {}});
        std::copy(one.box, one.box + 4, list.back().box.begin());
        for (int p = one.first; p < one.first + one.count; ++p) {
            const Landmark& point = found.landmarks[std::size_t(p)];
            list.back().keypoints.insert(list.back().keypoints.end(),
                                         {double(point.x), double(point.y)});
        }
    }
    return list;
}

// Objects of the same class in the same cell are partners; those that score 0.1 on either side must
// have one.
bool compare_objects(Pipeline& pipeline, Decoder& decoder, const Json& expected, Comparison& result,
                     std::string& error) {
    std::vector<Expected> before;
    Detections found;
    if (!read_objects(pipeline, expected, before)) {
        error = "its objects are not what they must be";
        return false;
    }
    if (!pipeline.decode_cells(decoder, found, error)) return false;
    const auto top_k = std::size_t(pipeline.bundle().decoder.top_k);
    const NearTies ties(pipeline.session().hm(), pipeline.session().hm_hp(),
                        pipeline.session().regressions(), pipeline.bundle().decoder);
    int must_match = 0, matched = 0, near_ties = 0;
    double landmark = 0, box = 0, score = 0;
    std::vector<double> stored, decoded;  // centre scores of each side
    for (const Expected& one : before) stored.push_back(one.centre_score);
    for (const Object& one : found.objects) decoded.push_back(double(one.box_score));
    const auto without_partner = [&](int class_id, int cell, double centre_score,
                                     const std::vector<double>& others) {
        ++must_match;
        if (ties.centre(class_id, cell, centre_score, result.slack) ||
            is_crowded_out(others, centre_score, 2 * top_k, result.slack))
            ++near_ties;
        else
            result.equal = false;
    };
    const auto compare = [&](const Expected& one, const Object& other) {
        ++must_match;
        ++matched;
        for (std::size_t side = 0; side < 4; ++side)
            box = std::max(box, std::fabs(double(other.box[side]) - one.box[side]));
        score = std::max(score, std::fabs(double(other.score) - one.score));
        for (std::size_t p = 0; p < one.keypoints.size() / 2; ++p) {
            const Landmark& point = found.landmarks[std::size_t(other.first) + p];
            const double distance = std::hypot(double(point.x) - one.keypoints[2 * p],
                                               double(point.y) - one.keypoints[2 * p + 1]);
            const int group = pipeline.bundle().schema.groups[std::size_t(one.class_id)][p];
            if (distance > landmark_cells && ties.landmark(group, one.cell, result.slack))
                ++near_ties;
            else
                landmark = std::max(landmark, distance);
        }
    };
    for (std::size_t i = 0; i < before.size(); ++i) {
        const Expected& one = before[i];
        const auto other =
            std::find_if(found.objects.begin(), found.objects.end(), [&](const Object& each) {
                return each.class_id == one.class_id && each.cell == one.cell;
            });
        const bool is_found = other != found.objects.end();
        const bool counts_here = i < top_k && one.score >= score_floor;
        const bool counts_there = is_found && std::size_t(other - found.objects.begin()) < top_k &&
                                  double(other->score) >= score_floor;
        if (!counts_here && !counts_there) continue;
        if (is_found)
            compare(one, *other);
        else
            without_partner(one.class_id, one.cell, one.centre_score, decoded);
    }
    for (std::size_t i = 0; i < std::min(found.objects.size(), top_k); ++i) {
        const Object& one = found.objects[i];
        if (double(one.score) < score_floor) break;
        if (std::none_of(before.begin(), before.end(), [&](const Expected& other) {
                return other.class_id == one.class_id && other.cell == one.cell;
            }))
            without_partner(one.class_id, one.cell, double(one.box_score), stored);
    }
    if (!(landmark <= landmark_cells) || !(box <= landmark_cells) || !(score <= score_tolerance))
        result.equal = false;
    result.agreement = agree(seen(before), seen(found), pipeline.bundle().schema, top_k);
    result.objects = "{\"expected\":" + std::to_string(must_match) +
                     ",\"matched\":" + std::to_string(matched) +
                     ",\"near_ties\":" + std::to_string(near_ties) +
                     ",\"max_landmark_error\":" + shown(landmark) +
                     ",\"max_box_error\":" + shown(box) + ",\"max_score_error\":" + shown(score) +
                     ",\"seen\":" + std::to_string(result.agreement.objects) +
                     ",\"kept\":" + std::to_string(result.agreement.kept) + "}";
    return true;
}

}  // namespace

bool compare_vector(Pipeline& pipeline, Decoder& decoder, const std::string& number, double rtol,
                    Comparison& result, std::string& error) {
    Bytes png, json;
    Picture picture;
    Json expected;
    const std::string base = "vectors/" + number;
    if (!pipeline.bundle().read(base + ".json", json, error) ||
        !pipeline.bundle().read(base + ".png", png, error))
        return false;
    if (!read_png(png, picture, error) || !pipeline.take_input(picture, error)) {
        error = base + ".png: " + error;
        return false;
    }
    if (!parse_json(reinterpret_cast<const char*>(json.data()), json.size(), expected, error)) {
        error = base + ".json: " + error;
        return false;
    }
    if (!pipeline.run_network(error)) return false;
    if (compare_heads(pipeline, expected, rtol, result, error) &&
        compare_objects(pipeline, decoder, expected, result, error))
        return true;
    error = base + ".json: " + error;
    return false;
}

}  // namespace deepmark
