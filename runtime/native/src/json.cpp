#include "json.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

namespace deepmark {
namespace {

constexpr int deepest = 32;
constexpr int most_values = 1 << 20;

struct Parser {
    const char* at;
    const char* end;
    const char* begin;
    std::string& error;
    int values = 0;

    bool fail(const char* what) {
        if (error.empty()) error = std::string(what) + " at byte " + std::to_string(at - begin);
        return false;
    }
    void skip_space() {
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
    }
    bool take(char wanted) {
        skip_space();
        if (at >= end || *at != wanted) return false;
        ++at;
        return true;
    }
    bool word(const char* wanted) {
        const auto length = std::ptrdiff_t(std::strlen(wanted));
        if (end - at < length || std::strncmp(at, wanted, std::size_t(length)) != 0)
            return fail("no JSON value");
        at += length;
        return true;
    }

    bool value(Json& out, int depth) {
        if (depth > deepest) return fail("nested too deeply");
        if (++values > most_values) return fail("too many values");
        skip_space();
        if (at >= end) return fail("it ends early");
        switch (*at) {
            case '{':
                return object(out, depth);
            case '[':
                return array(out, depth);
            case '"':
                out.kind = Json::string;
                return string(out.text);
            case 't':
                out.kind = Json::boolean;
                out.truth = true;
                return word("true");
            case 'f':
                out.kind = Json::boolean;
                return word("false");
            case 'n':
                return word("null");
            default:
                out.kind = Json::number;
                return number(out.value);
        }
    }

    bool object(Json& out, int depth) {
        out.kind = Json::object;
        std::set<std::string> names;
        ++at;
        if (take('}')) return true;
        do {
            skip_space();
            if (at >= end || *at != '"') return fail("expected a name");
            out.members.emplace_back();
            auto& member = out.members.back();
            if (!string(member.first)) return false;
            if (!names.insert(member.first).second) return fail("a name stands there twice");
            if (!take(':')) return fail("expected ':'");
            if (!value(member.second, depth + 1)) return false;
        } while (take(','));
        return take('}') || fail("expected ',' or '}'");
    }

    bool array(Json& out, int depth) {
        out.kind = Json::array;
        ++at;
        if (take(']')) return true;
        do {
            out.items.emplace_back();
            if (!value(out.items.back(), depth + 1)) return false;
        } while (take(','));
        return take(']') || fail("expected ',' or ']'");
    }

    bool number(double& out) {
        const char* start = at;
        const auto digit = [&] { return at < end && *at >= '0' && *at <= '9'; };
        if (at < end && *at == '-') ++at;
        if (!digit()) return fail("no JSON value");
        if (*at++ != '0')
            while (digit()) ++at;
        else if (digit())
            return fail("a number begins with 0");
        if (at < end && *at == '.') {
            ++at;
            if (!digit()) return fail("a number ends early");
            while (digit()) ++at;
        }
        if (at < end && (*at == 'e' || *at == 'E')) {
            ++at;
            if (at < end && (*at == '+' || *at == '-')) ++at;
            if (!digit()) return fail("a number ends early");
            while (digit()) ++at;
        }
        const auto [stop, code] = std::from_chars(start, at, out);
        return (code == std::errc() && stop == at) || fail("a number is out of range");
    }

    bool hex(unsigned& out) {
        if (end - at < 4) return fail("an escape ends early");
        const auto [stop, code] = std::from_chars(at, at + 4, out, 16);
        if (code != std::errc() || stop != at + 4) return fail("a wrong escape");
        at += 4;
        return true;
    }

    bool escape(std::string& out) {
        if (at >= end) return fail("an escape ends early");
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char which = *at++;
        if (const char* known = which ? std::strchr(from, which) : nullptr) {
            out += to[known - from];
            return true;
        }
        unsigned code = 0, low = 0;
        if (which != 'u' || !hex(code)) return fail("a wrong escape");
        if (code >= 0xdc00 && code < 0xe000) return fail("half a surrogate pair");
        if (code >= 0xd800 && code < 0xdc00) {
            if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return fail("half a surrogate pair");
            at += 2;
            if (!hex(low) || low < 0xdc00 || low >= 0xe000) return fail("half a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        if (code < 0x80) {
            out += char(code);
        } else if (code < 0x800) {
            out += char(0xc0 | code >> 6);
            out += char(0x80 | (code & 63));
        } else {
            if (code < 0x10000) {
                out += char(0xe0 | code >> 12);
            } else {
                out += char(0xf0 | code >> 18);
                out += char(0x80 | (code >> 12 & 63));
            }
            out += char(0x80 | (code >> 6 & 63));
            out += char(0x80 | (code & 63));
        }
        return true;
    }

    bool string(std::string& out) {
        ++at;
        while (at < end && *at != '"') {
            const char one = *at++;
            if (static_cast<unsigned char>(one) < 0x20)
                return fail("a control character in a string");
            if (one != '\\')
                out += one;
            else if (!escape(out))
                return false;
        }
        if (at >= end) return fail("a string ends early");
        ++at;
        return true;
    }
};

}  // namespace

const Json* Json::find(const std::string& name) const {
    for (const auto& member : members)
        if (member.first == name) return &member.second;
    return nullptr;
}

bool parse_json(const char* text, std::size_t size, Json& value, std::string& error) {
    error.clear();
    Parser parser{text, text + size, text, error};
    if (!parser.value(value, 0)) return false;
    parser.skip_space();
    return parser.at == parser.end || parser.fail("something follows the value");
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char one : text) {
        if (one == '"' || one == '\\') {
            out += '\\';
            out += one;
        } else if (static_cast<unsigned char>(one) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", unsigned(one));
            out += escape;
        } else {
            out += one;
        }
    }
    return out + '"';
}

std::string shown(double value) {
    if (!std::isfinite(value)) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

std::string fixed(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

}  // namespace deepmark
