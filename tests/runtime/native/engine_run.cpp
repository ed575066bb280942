// engine_run MODEL HEIGHT WIDTH MULTIPLE INPUT OUTPUT: two runs; the second one's outputs, each as
// "name C H W\n" and its floats.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "engine.hpp"

int main(int count, char** words) {
    if (count != 7) return 2;
    const int height = std::atoi(words[2]), width = std::atoi(words[3]);
    const int multiple = std::atoi(words[4]);
    std::string error;
    auto engine = deepmark::Engine::load(words[1], height, width, multiple, {}, error);
    if (engine) {
        std::vector<float> input(size_t(3 * height * width));
        std::ifstream(words[5], std::ios::binary)
            .read(reinterpret_cast<char*>(input.data()),
                  std::streamsize(input.size() * sizeof(float)));
        if (engine->run(input.data(), error) && engine->run(input.data(), error)) {
            std::ofstream out(words[6], std::ios::binary);
            for (const auto& one : engine->outputs()) {
                out << one.name << ' ' << one.channels << ' ' << one.height << ' ' << one.width
                    << '\n';
                out.write(reinterpret_cast<const char*>(one.values.data()),
                          std::streamsize(one.values.size() * sizeof(float)));
            }
            return out.flush() ? 0 : 1;
        }
    }
    std::fprintf(stderr, "error: %s\n", error.c_str());
    return 1;
}
