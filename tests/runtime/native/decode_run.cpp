// decode_run: heads from stdin, detections to stdout; test_decoder.py writes and reads both. Ends
// with status 3 where a frame like the one before it allocated memory.
#include <cstdio>
#include <cstdlib>
#include <new>

#include "case.hpp"
#include "decoder.hpp"
#include "nms.hpp"

using namespace deepmark;

namespace {

long allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main() {
    Case given;
    if (!given.read()) return 2;
    const bool is_sparse = bool(given.features);
    Decoder decoder(given.schema, given.params);
    Detections found;
    std::string error;
    SparseHeads sparse(given.weights);
    sparse.features = given.features;
    Suppressor suppressor;
    Regressions& others = is_sparse ? static_cast<Regressions&>(sparse) : given.dense;
    for (int turn = 0; turn < 2; ++turn) {  // twice: what the first leaves behind must not matter
        allocations = 0;
        if (!decoder.decode(given.hm, given.hm_hp, others, found, error)) {
            std::fprintf(stderr, "error: %s\n", error.c_str());
            return 1;
        }
        suppressor.suppress(found, given.params);
    }
    if (allocations) {
        std::fprintf(stderr, "error: the second frame allocated memory %ld times\n", allocations);
        return 3;
    }
    for (const Object& one : found.objects) {
        std::printf("%d %.9g %.9g %.9g %.9g %.9g %.9g %.9g", one.class_id, double(one.score),
                    double(one.box_score), double(one.keypoints_score), double(one.box[0]),
                    double(one.box[1]), double(one.box[2]), double(one.box[3]));
        for (int i = 0; i < one.count; ++i) {
            const Landmark& point = found.landmarks[size_t(one.first + i)];
            std::printf(" %.9g %.9g %.9g %d", double(point.x), double(point.y), double(point.value),
                        point.refined);
        }
        std::printf("\n");
    }
}
