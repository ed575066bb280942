#include "decoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "candidates.hpp"
#include "peaks.hpp"

namespace deepmark {
namespace {

constexpr float cell_centre = 0.5f;         // where a peak lies in its cell when the network has no offset head
constexpr float farthest = 1e6f;            // cells; no network means it
constexpr float mask_divisor = 9;           // Eq. (4): sigma = min(width, height) / 9
constexpr float smallest_sigma = 1.0f / 6;  // the training Gaussian of radius 0
constexpr float nearest_limit = 0.3f;       // CenterNet's: of the longer side
constexpr double rounding = 1e-4;           // of float32 in logarithms of heatmap values
constexpr float surely = 0.9999f;           // what is below a bound by more than all rounding

// The float32 numbers between two doubles: a comparison of floats then says what one of doubles would.
struct Range {
    float low, high;
    static Range of(double low, double high) {
        const float infinity = std::numeric_limits<float>::infinity();
        Range range{float(low), float(high)};
        if (double(range.low) < low) range.low = std::nextafter(range.low, infinity);
        if (double(range.high) > high) range.high = std::nextafter(range.high, -infinity);
        return range;
    }
};

std::string shown(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

bool require_probabilities(const Map& map, const char* name, std::string& error) {
    const Range range = Range::of(-probability_slack, 1 + probability_slack);
    const std::size_t count = map.cells() * std::size_t(map.channels);
    int outside = 0;
    for (std::size_t i = 0; i < count; ++i) outside |= !(map.values[i] >= range.low) | !(map.values[i] <= range.high);
    if (!outside) return true;
    float low = map.values[0], high = low;
    for (std::size_t i = 0; i < count; ++i) {
        const float value = map.values[i];
        if (std::isnan(value)) low = high = value;
        if (value < low) low = value;
        if (value > high) high = value;
    }
    error = std::string("head '") + name + "' must hold probabilities from 0 to 1, found values from " +
            shown(double(low)) + " to " + shown(double(high));
    return false;
}

bool require_cells(const std::vector<float>& values, const char* name, std::string& error) {
    for (float value : values) {
        if (std::fabs(value) < farthest) continue;  // false for NaN too
        error = std::string("head '") + name + "' must hold finite numbers of cells, found " + shown(double(value));
        return false;
    }
    return true;
}

}  // namespace

struct Decoder::State {
    Schema schema;
    DecoderParams params;

    std::vector<Peak> centres;
    CentrePeaks centre_peaks;
    std::vector<int> cells, owner, group, bounds;
    std::vector<float> sizes, offsets, displacements;
    std::vector<float> boxes;                                  // (4, N)
    std::vector<float> coarse, positions;                      // (2, P)
    std::vector<float> values;                                 // (P,)
    std::vector<char> refined, used;
    Candidates candidates;
    std::vector<int> found_pair, found_candidate, asked_cells;
    std::vector<float> found_value, found_offsets;
    std::vector<float> scores;
    std::vector<double> means;
    std::vector<int> order;

    bool fits(const Map& hm, const Map& hm_hp, const Regressions& others, std::string& error) const;
    void list_pairs();
    bool read_regressions(const Map& hm, Regressions& others, std::string& error);
    bool refine(const Map& hm_hp, Regressions& others, std::string& error);
    void search_under_mask();
    bool search_nearest(Regressions& others, std::string& error);
    bool read_offsets(Regressions& others, std::string& error);
    void rescore(bool has_landmarks);
    void collect(Detections& found);

    std::size_t objects() const { return centres.size(); }
    std::size_t pairs() const { return owner.size(); }
};

bool Decoder::State::fits(const Map& hm, const Map& hm_hp, const Regressions& others, std::string& error) const {
    const auto classes = int(schema.groups.size());
    if (hm.channels != classes || others.groups() != schema.num_groups) {
        error = "the heads have " + std::to_string(hm.channels) + " classes and " + std::to_string(others.groups()) +
                " keypoint groups, but the schema has " + std::to_string(classes) + " and " +
                std::to_string(schema.num_groups);
        return false;
    }
    if (hm_hp && (hm_hp.channels != schema.num_groups || hm_hp.height != hm.height || hm_hp.width != hm.width)) {
        error = "head 'hm_hp' does not fit head 'hm'";
        return false;
    }
    return require_probabilities(hm, "hm", error) && (!hm_hp || require_probabilities(hm_hp, "hm_hp", error));
}

// Every landmark of every object, objects one after the other, landmarks in the class's order.
void Decoder::State::list_pairs() {
    cells.clear();
    owner.clear();
    group.clear();
    bounds.assign(1, 0);
    for (std::size_t i = 0; i < objects(); ++i) {
        const auto& groups = schema.groups[std::size_t(centres[i].class_id)];
        cells.push_back(centres[i].cell);
        owner.insert(owner.end(), groups.size(), int(i));
        group.insert(group.end(), groups.begin(), groups.end());
        bounds.push_back(int(owner.size()));
    }
}

bool Decoder::State::read_regressions(const Map& hm, Regressions& others, std::string& error) {
    const std::size_t count = objects();
    sizes.resize(2 * count);
    offsets.assign(2 * count, cell_centre);
    displacements.resize(2 * pairs());
    others.at_centres(cells, owner, group, sizes.data(), offsets.data(), displacements.data());
    if (!require_cells(sizes, "wh", error) || !require_cells(offsets, "reg", error) ||
        !require_cells(displacements, "hps", error))
        return false;
    for (float& size : sizes) size = std::max(size, 0.0f);
    boxes.resize(4 * count);
    for (std::size_t i = 0; i < count; ++i) {
        const int at[2] = {cells[i] % hm.width, cells[i] / hm.width};
        for (std::size_t axis = 0; axis < 2; ++axis) {
            const float middle = float(at[axis]) + offsets[axis * count + i], half = sizes[axis * count + i] / 2;
            boxes[axis * count + i] = middle - half;
            boxes[(axis + 2) * count + i] = middle + half;
        }
    }
    coarse.resize(2 * pairs());
    for (std::size_t p = 0; p < pairs(); ++p) {
        const int cell = cells[std::size_t(owner[p])];
        coarse[p] = float(cell % hm.width) + displacements[p];
        coarse[pairs() + p] = float(cell / hm.width) + displacements[pairs() + p];
    }
    return true;
}

// Replace coarse positions by heatmap positions where the heatmap has one.
bool Decoder::State::refine(const Map& hm_hp, Regressions& others, std::string& error) {
    const std::size_t count = objects(), all = pairs();
    positions = coarse;
    values.assign(all, 0.0f);
    refined.assign(all, 0);
    if (!hm_hp || !all) return true;
    used.assign(std::size_t(hm_hp.channels), 0);
    for (int one : group) used[std::size_t(one)] = 1;
    candidates.find(hm_hp, used, params);
    if (candidates.cells.empty()) return true;
    found_pair.clear();
    found_candidate.clear();
    found_value.clear();
    if (params.mask) {
        search_under_mask();
        asked_cells.clear();
        for (int one : found_candidate) asked_cells.push_back(candidates.cells[std::size_t(one)].cell);
        if (!read_offsets(others, error)) return false;
    } else if (!search_nearest(others, error)) {
        return false;
    }
    const float gamma = float(params.gamma), rest = 1 - gamma;
    const std::size_t asked = asked_cells.size();
    for (std::size_t i = 0; i < found_pair.size(); ++i) {
        const auto pair = std::size_t(found_pair[i]), object = std::size_t(owner[pair]);
        const Candidate& one = candidates.cells[std::size_t(found_candidate[i])];
        const std::size_t offset = params.mask ? i : std::size_t(found_candidate[i]);
        const float x = float(one.x) + found_offsets[offset], y = float(one.y) + found_offsets[asked + offset];
        if (!(x >= boxes[object] && y >= boxes[count + object] && x <= boxes[2 * count + object] &&
              y <= boxes[3 * count + object]))
            continue;
        positions[pair] = gamma * x + rest * coarse[pair];  // Eq. (3)
        positions[all + pair] = gamma * y + rest * coarse[all + pair];
        values[pair] = found_value[i];
        refined[pair] = 1;
    }
    return true;
}

// Technique 4, Eq. (4): the maximum of the heatmap times a Gaussian around the coarse cell. No product beyond `reach`
// can be above the floor: rows farther away are not looked at.
void Decoder::State::search_under_mask() {
    const std::size_t count = objects(), all = pairs();
    const double room = std::log(double(candidates.highest / candidates.floor));
    const float deviations = float(std::sqrt(std::max(2 * (room + rounding), 0.0)));
    const float last = float(candidates.height());
    for (std::size_t object = 0; object < count; ++object) {
        const float sigma = std::max(std::min(sizes[object], sizes[count + object]) / mask_divisor, smallest_sigma);
        const float reach = sigma * deviations, spread = -2 * sigma * sigma, steepness = -1 / spread;
        for (auto p = std::size_t(bounds[object]); p < std::size_t(bounds[object + 1]); ++p) {
            const float x = std::floor(coarse[p]), y = std::floor(coarse[all + p]);
            const int top = int(std::clamp(std::ceil(y - reach), 0.0f, last));
            const int bottom = int(std::clamp(std::floor(y + reach) + 1, 0.0f, last));
            float highest = candidates.floor;
            int best = -1;
            const int end = candidates.start(group[p], bottom);
            for (int i = candidates.start(group[p], top); i < end; ++i) {
                const Candidate& one = candidates.cells[std::size_t(i)];
                const float dx = float(one.x) - x, dy = float(one.y) - y;
                const float squared = dx * dx + dy * dy;  // of integers: cells at one distance tie exactly
                const float t = squared * steepness;
                if (one.value < highest * (1 + t + t * t / 2) * surely) continue;  // e^t is at least that much
                const float value = one.value * std::exp(squared / spread);
                if (value > highest) {
                    highest = value;
                    best = i;
                }
            }
            if (best < 0) continue;
            found_pair.push_back(int(p));
            found_candidate.push_back(best);
            found_value.push_back(highest);
        }
    }
}

// CenterNet's choice: the local maximum nearest to the coarse position, unless it is too far for the box.
bool Decoder::State::search_nearest(Regressions& others, std::string& error) {
    asked_cells.clear();
    for (const Candidate& one : candidates.cells) asked_cells.push_back(one.cell);
    if (!read_offsets(others, error)) return false;
    const std::size_t count = objects(), all = pairs(), asked = asked_cells.size();
    for (std::size_t p = 0; p < all; ++p) {
        const int end = candidates.start(group[p], candidates.height());
        float nearest = 0;
        int best = -1;
        for (int i = candidates.start(group[p], 0); i < end; ++i) {
            const Candidate& one = candidates.cells[std::size_t(i)];
            const float dx = float(one.x) + found_offsets[std::size_t(i)] - coarse[p];
            const float dy = float(one.y) + found_offsets[asked + std::size_t(i)] - coarse[all + p];
            const float squared = dx * dx + dy * dy;
            if (best >= 0 && !(squared < nearest)) continue;
            nearest = squared;
            best = i;
        }
        const auto object = std::size_t(owner[p]);
        if (best < 0 || !(std::sqrt(nearest) <= nearest_limit * std::max(sizes[object], sizes[count + object])))
            continue;
        found_pair.push_back(int(p));
        found_candidate.push_back(best);
        found_value.push_back(candidates.cells[std::size_t(best)].value);
    }
    return true;
}

bool Decoder::State::read_offsets(Regressions& others, std::string& error) {
    found_offsets.assign(2 * asked_cells.size(), cell_centre);
    if (!others.has_landmark_offsets()) return true;
    others.at_landmarks(asked_cells, found_offsets.data());
    return require_cells(found_offsets, "hp_offset", error);
}

// Technique 1, Eq. (1): centre and landmark scores combined, in float64.
void Decoder::State::rescore(bool has_landmarks) {
    means.resize(objects());
    scores.resize(objects());
    for (std::size_t i = 0; i < objects(); ++i) {
        const auto begin = std::size_t(bounds[i]), end = std::size_t(bounds[i + 1]);
        double total = 0, counted = 0;
        for (std::size_t p = begin; p < end; ++p) {
            total += double(values[p]);
            counted += refined[p];
        }
        means[i] = total / (params.skip_unrefined ? std::max(counted, 1.0) : double(end - begin));
        scores[i] = has_landmarks ? float(params.alpha * double(centres[i].score) + (1 - params.alpha) * means[i])
                                  : centres[i].score;
    }
}

void Decoder::State::collect(Detections& found) {
    order.clear();
    for (std::size_t i = 0; i < objects(); ++i)
        if (scores[i] >= float(params.score_threshold)) order.push_back(int(i));
    // Equals keep their order.
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        const float first = scores[std::size_t(a)], second = scores[std::size_t(b)];
        return first != second ? first > second : a < b;
    });
    std::size_t landmarks = 0;
    for (int i : order) landmarks += std::size_t(bounds[std::size_t(i) + 1] - bounds[std::size_t(i)]);
    found.objects.resize(order.size());
    found.landmarks.resize(landmarks);
    Landmark* to = found.landmarks.data();
    for (std::size_t place = 0; place < order.size(); ++place) {
        const auto i = std::size_t(order[place]);
        Object& object = found.objects[place];
        object.class_id = centres[i].class_id;
        object.score = scores[i];
        object.box_score = centres[i].score;
        object.keypoints_score = float(means[i]);
        for (std::size_t side = 0; side < 4; ++side) object.box[side] = boxes[side * objects() + i];
        object.cell = centres[i].cell;
        object.first = int(to - found.landmarks.data());
        object.count = bounds[i + 1] - bounds[i];
        for (auto p = std::size_t(bounds[i]); p < std::size_t(bounds[i + 1]); ++p)
            *to++ = {positions[p], positions[pairs() + p], values[p], refined[p] != 0};
    }
}

Decoder::Decoder(Schema schema, DecoderParams params) : state_(std::make_unique<State>()) {
    state_->schema = std::move(schema);
    state_->params = params;
}

Decoder::~Decoder() = default;

const Schema& Decoder::schema() const { return state_->schema; }
const DecoderParams& Decoder::params() const { return state_->params; }

bool Decoder::decode(const Map& hm, const Map& hm_hp, Regressions& others, Detections& found, std::string& error) {
    State& state = *state_;
    if (!state.fits(hm, hm_hp, others, error)) return false;
    state.centre_peaks.find(hm, state.params, state.centres);
    state.list_pairs();
    if (!state.read_regressions(hm, others, error) || !state.refine(hm_hp, others, error)) return false;
    state.rescore(bool(hm_hp));
    state.collect(found);
    return true;
}

}  // namespace deepmark
