// Models and checkpoints: named arrays and attributes in one HDF5 file behind a 512-byte user block
// (magic, header version, payload length, XXH3-128 of the payload, step). One rule: the checksum is
// verified before HDF5 sees the file; the same content gives the same bytes.
#pragma once

#include <filesystem>
#include <variant>

#include "pipeline/node.hpp"

namespace narrows::storage {

struct Array {
    std::string path;  // "/model/encoder.0/weight"
    Type type = Type::f32;
    Shape shape;
    std::vector<std::byte> bytes;  // little-endian, row-major
    template <class T>
    std::span<const T> as() const {
        return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
    }
    template <class T>
    static Array of(std::string path, Shape shape, std::span<const T> values) {
        const auto* first = reinterpret_cast<const std::byte*>(values.data());
        return {std::move(path), type_of<T>(), shape, {first, first + values.size_bytes()}};
    }
};
using Attribute = std::variant<std::int64_t, double, std::string>;
// The text of that name; null: there is none.
NARROWS_PUBLIC const std::string* text_attribute(
    std::span<const std::pair<std::string, Attribute>> attributes, std::string_view name);

struct Bundle {
    std::string format;  // "narrows-model", "narrows-checkpoint"
    std::uint64_t step = 0;
    std::vector<std::pair<std::string, Attribute>> attributes;  // of the root, in order
    std::vector<Array> arrays;                                  // each gets an attribute xxh3_64
    NARROWS_PUBLIC const Array* find(std::string_view path) const;
    NARROWS_PUBLIC const Attribute* attribute(std::string_view name) const;
};

// Atomic. The text "/config" (the resolved pipeline) is an Array of u8 like any other.
NARROWS_PUBLIC void write_bundle(const std::filesystem::path& path, const Bundle& bundle);
// Throws Error{Fault::input}: missing, truncated, damaged (which), wrong format or version.
NARROWS_PUBLIC Bundle read_bundle(const std::filesystem::path& path, std::string_view format);

// Numbered checkpoints of a run, `folder`/ckpt-0000012345.h5: never overwritten, at least two kept.
struct Checkpoints {
    std::filesystem::path folder;
    NARROWS_PUBLIC void save(const Bundle& bundle, std::uint64_t keep_step = 0)
        const;                                            // prunes; keep_step is never pruned
    NARROWS_PUBLIC std::optional<Bundle> latest() const;  // newest whose checksum holds
    NARROWS_PUBLIC std::optional<Bundle> at(std::uint64_t step) const;
    NARROWS_PUBLIC void remove_all() const;
};

}  // namespace narrows::storage
