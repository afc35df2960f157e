// Numbers and texts as one message between a process and its probe. Private to the storage room.
// One rule: whatever bytes come, taking never reads beyond them and never asks for more memory than
// they could fill.
#pragma once

#include <bit>
#include <cstring>

#include "pipeline/storage/source.hpp"

namespace narrows::storage {

class Message {
public:
    Message() = default;
    explicit Message(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    std::span<const std::byte> bytes() const { return bytes_; }

    template <class T>
    void put(T value) {
        static_assert(std::is_trivially_copyable_v<T>);
        append(&value, sizeof value);
    }
    void put(const std::string& text);
    void put(std::span<const std::byte> bytes);
    using Attributes = std::vector<std::pair<std::string, Attribute>>;
    void put(const Attributes& attributes);
    void put(const ExactAttributes& attributes);
    void put(const ArrayInfo& info);
    void put(const FileInfo& info);
    void put(const ArrayLayout& layout);

    // Each throws Error{Fault::input} when the message ends too early or holds nonsense.
    template <class T>
    T take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value;
        std::memcpy(&value, next(sizeof value), sizeof value);
        return value;
    }
    std::string take_text();
    std::vector<std::byte> take_bytes();
    Attributes take_attributes();
    ExactAttributes take_exact();
    ArrayInfo take_info();
    FileInfo take_file();
    ArrayLayout take_layout();
    void take_end() const;

private:
    void put(const std::vector<std::string>& texts);
    std::vector<std::string> take_texts();
    using Names = std::vector<std::pair<std::string, std::int64_t>>;
    void put(const Names& names);
    Names take_names();
    void put(const Beside& beside);
    Beside take_beside();
    void put(const FileBeside& beside);
    FileBeside take_file_beside();
    void append(const void* from, std::size_t bytes);
    const std::byte* next(std::size_t bytes);
    std::size_t take_count(std::size_t bytes_of_one);  // of items that are at least so large

    std::vector<std::byte> bytes_;
    std::size_t at_ = 0;
};

// A reply: kind, length, bytes.
enum class Reply : std::uint32_t { done = 1, failed = 2, rows = 3 };
enum class Request : std::uint32_t { look = 1, layout = 2, read = 3 };
inline constexpr std::size_t largest_message = 64u << 20;
inline constexpr std::size_t rows_at_once = 1u << 20;  // bytes of rows in one reply

}  // namespace narrows::storage
