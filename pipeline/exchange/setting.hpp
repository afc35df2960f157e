// Settings of the layers that an ONNX file becomes.
#pragma once

#include <vector>

#include "pipeline/node.hpp"

namespace narrows::exchange::setting {

inline Setting integer(const char* name, std::int64_t value) {
    Setting setting{name, {}, {}};
    setting.value.integer = value;
    setting.value.number = static_cast<double>(value);
    return setting;
}
inline Setting number(const char* name, double value) {
    Setting setting{name, {}, {}};
    setting.value.number = value;
    return setting;
}
inline Setting text(const char* name, const char* value) {
    Setting setting{name, {}, {}};
    setting.value.text = value;
    return setting;
}
inline Setting flag(const char* name, bool value) {
    Setting setting{name, {}, {}};
    setting.value.flag = value;
    return setting;
}
template <class T>
Setting numbers(const char* name, const std::vector<T>& values) {
    Setting setting{name, {}, {}};
    setting.value.numbers.assign(values.begin(), values.end());
    return setting;
}

}  // namespace narrows::exchange::setting
