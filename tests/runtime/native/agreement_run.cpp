// agreement_run < case: objects of two sides, as text; prints "objects kept", as src/agreement.hpp
// counts them.
#include <cstdio>
#include <iostream>

#include "agreement.hpp"

using namespace deepmark;

namespace {

std::vector<Seen> read_objects(const Schema& schema) {
    std::size_t count = 0;
    std::cin >> count;
    std::vector<Seen> objects(count);
    for (Seen& one : objects) {
        std::cin >> one.class_id >> one.score;
        for (double& side : one.box) std::cin >> side;
        one.keypoints.resize(2 * schema.sigmas[std::size_t(one.class_id)].size());
        for (double& value : one.keypoints) std::cin >> value;
    }
    return objects;
}

}  // namespace

int main() {
    std::size_t classes = 0, top_k = 0;
    std::cin >> classes >> top_k;
    Schema schema;
    schema.sigmas.resize(classes);
    for (auto& sigmas : schema.sigmas) {
        std::size_t count = 0;
        std::cin >> count;
        sigmas.resize(count);
        for (double& sigma : sigmas) std::cin >> sigma;
    }
    const std::vector<Seen> one = read_objects(schema), other = read_objects(schema);
    if (!std::cin) return 1;
    const Agreement found = agree(one, other, schema, top_k);
    std::printf("%d %d\n", found.objects, found.kept);
    return 0;
}
