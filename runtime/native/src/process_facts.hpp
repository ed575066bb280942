// What the system says of this process.
#pragma once

#include <string>

namespace deepmark {

// {"rss_kib":..,"hwm_kib":..,"pss_kib":..}; null where /proc does not say.
std::string memory_now();

// Time of all its threads on processors, seconds.
double processor_s();

// "0-3,5", as the scheduler allows; empty where /proc does not say.
std::string cpus_allowed();

}  // namespace deepmark
