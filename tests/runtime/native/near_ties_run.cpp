// near_ties_run HM WH HPS REG HM_HP HP_OFFSET: a case and (classes, H, W) centre scores from stdin;
// 0 or 1 for every class and cell, then for every group and cell, to stdout.
#include <cstdio>
#include <cstdlib>

#include "case.hpp"
#include "near_ties.hpp"

using namespace deepmark;

int main(int count, char** words) {
    Case given;
    if (count != 7 || !given.read() || given.features) return 2;
    const std::vector<float> scores =
        Case::floats(given.hm.cells() * std::size_t(given.hm.channels));
    if (!std::cin) return 2;
    double allowed[6];
    for (int i = 0; i < 6; ++i) allowed[i] = std::atof(words[i + 1]);
    const Slack slack{allowed[0], allowed[1], allowed[2], allowed[3], allowed[4], allowed[5]};
    const NearTies ties(given.hm, given.hm_hp, given.dense, given.params);
    const int cells = int(given.hm.cells());
    for (int i = 0; i < cells * given.hm.channels; ++i)
        std::putchar('0' +
                     ties.centre(i / cells, i % cells, double(scores[std::size_t(i)]), slack));
    for (int i = 0; i < cells * given.schema.num_groups; ++i)
        std::putchar('0' + ties.landmark(i / cells, i % cells, slack));
}
