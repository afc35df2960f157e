// What stands beside the values of a file, exactly as it is there: attributes of every type that
// can be copied, groups, links, dimension scales, fill values. Copies of whole files (compress,
// decompress, repack) carry it over; everything else uses the plain attributes of ArrayInfo.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace narrows::storage {

enum class Numeric : std::uint8_t { i8, u8, i16, u16, i32, u32, i64, u64, f16, f32, f64 };

// The type of single values: numbers, numbers with names (HDF5's enumerations, booleans among
// them), or text.
struct ExactType {
    enum class Kind : std::uint8_t { number, fixed_text, variable_text } kind = Kind::number;
    Numeric number = Numeric::f64;  // also of named numbers
    std::vector<std::pair<std::string, std::int64_t>> names;
    std::size_t text_bytes = 0;  // of fixed text
    std::uint8_t padding = 0;    // as H5T_str_t
    bool utf8 = true;
    bool operator==(const ExactType&) const = default;
};

struct ExactAttribute {
    std::string name;
    ExactType type;
    bool null = false;                  // without a value
    std::vector<std::int64_t> extents;  // empty: scalar
    std::vector<std::byte> values;      // little-endian; variable text: each with a 0 behind it
    bool operator==(const ExactAttribute&) const = default;
};
using ExactAttributes = std::vector<ExactAttribute>;

// Makes it one text.
inline void set_text(ExactAttribute& attribute, const std::string& text) {
    attribute.type = {};
    attribute.type.kind = ExactType::Kind::fixed_text;
    attribute.type.text_bytes = text.empty() ? 1 : text.size();
    attribute.type.padding = 1;  // with zeros
    attribute.extents.clear();
    attribute.values.assign(attribute.type.text_bytes, std::byte{0});
    for (std::size_t i = 0; i < text.size(); ++i)
        attribute.values[i] = static_cast<std::byte>(text[i]);
}

// Of a dataset.
struct Beside {
    ExactAttributes attributes;
    std::vector<std::vector<std::string>> scales;             // of each axis: paths
    std::vector<std::pair<std::string, std::int64_t>> names;  // of its numbers
    std::vector<std::byte> fill;                              // HDF5's, one value; empty: none set
};

struct ExactGroup {
    std::string path;
    ExactAttributes attributes;
};
struct ExactLink {  // another name of something in the same file
    std::string path, target;
    bool soft = false;  // `target` as it is written there
};

// Of a file.
struct FileBeside {
    ExactAttributes attributes;  // of the root
    std::vector<ExactGroup> groups;
    std::vector<ExactLink> links;
    std::vector<std::string> left_out;  // what cannot be copied, each with the reason
    std::vector<std::string> damaged;   // of that, what is there and cannot be opened: messages
};

}  // namespace narrows::storage
