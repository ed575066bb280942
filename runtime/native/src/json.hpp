// Strict JSON (RFC 8259): no duplicate keys, nothing after the value, bounded in depth and in
// number of values.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace deepmark {

struct Json {
    enum Kind { null, boolean, number, string, array, object } kind = null;
    bool truth = false;
    double value = 0;
    std::string text;
    std::vector<Json> items;
    std::vector<std::pair<std::string, Json>> members;

    // The member of this name, or null where this is no object or has none.
    const Json* find(const std::string& name) const;
};

// False, with what is wrong and at which byte, where the text is not one JSON value.
bool parse_json(const char* text, std::size_t size, Json& value, std::string& error);

// A string with its quotes; bytes above 127 stay as they are.
std::string quoted(const std::string& text);

// A number with nine digits; null where it is not finite.
std::string shown(double value);

// A finite number with so many digits behind the point.
std::string fixed(double value, int digits);

}  // namespace deepmark
