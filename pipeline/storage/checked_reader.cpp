#include "pipeline/storage/checked_reader.hpp"

#include <algorithm>

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/in_parts.hpp"

namespace narrows::storage {

namespace {

constexpr std::size_t read_at_once = 1u << 18;  // stays in the cache between reading and hashing

}  // namespace

CheckedReader::CheckedReader(std::filesystem::path path, std::unique_ptr<ArrayReader> rows,
                             std::vector<std::uint64_t> checksums)
    : path_(std::move(path)),
      rows_(std::move(rows)),
      checksums_(std::move(checksums)),
      whole_(checksums_.size() / 2) {}

CheckedReader::~CheckedReader() = default;

void CheckedReader::check_block(std::int64_t block) const {
    const auto number = static_cast<std::size_t>(block);
    if (whole_[number].load(std::memory_order_acquire)) return;
    const std::lock_guard one(checking_[number % checking_.size()]);
    if (whole_[number].load(std::memory_order_acquire)) return;
    const std::size_t row = row_bytes_of(info());
    const std::int64_t first = block * hashed_rows;
    const std::int64_t last = std::min(first + hashed_rows, stored_rows(info()));
    const auto step = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(read_at_once / std::max<std::size_t>(1, row)));
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(step, last - first)) * row);
    HashStream hash;
    for (std::int64_t at = first; at < last; at += step) {
        const std::int64_t here = std::min(step, last - at);
        rows_->read(at, here, bytes.data());
        hash.add(bytes.data(), static_cast<std::size_t>(here) * row);
    }
    if (hash.value() != Hash128{checksums_[2 * number], checksums_[2 * number + 1]})
        throw Error(Fault::input, damaged_rows(path_, info(), block),
                    "narrows info --check names all damage; copy or make the file again");
    whole_[number].store(true, std::memory_order_release);
}

void CheckedReader::check(std::int64_t first, std::int64_t count) const {
    if (count <= 0 || first < 0 || first > stored_rows(info()) - count) return;  // told by read()
    const std::int64_t begin = first / hashed_rows, end = (first + count - 1) / hashed_rows + 1;
    const auto blocks = static_cast<std::size_t>(end - begin);
    if (blocks == 1) return check_block(begin);
    in_parts(blocks, blocks, [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) check_block(begin + static_cast<std::int64_t>(i));
    });
}

void CheckedReader::read(std::int64_t first, std::int64_t count, std::byte* out) const {
    check(first, count);
    rows_->read(first, count, out);
}

void CheckedReader::read(std::int64_t first, std::int64_t count, float* out, bool unpack) const {
    check(first, count);
    rows_->read(first, count, out, unpack);
}

std::vector<std::string> CheckedReader::read_text(std::int64_t first, std::int64_t count) const {
    check(first, count);
    return rows_->read_text(first, count);
}

std::uint64_t CheckedReader::reading_bytes(std::size_t threads) const {
    return rows_->reading_bytes(threads) + threads * std::max(read_at_once, row_bytes_of(info())) +
           whole_.size() * 17;
}

bool shows_damage(const ArrayLayout& layout) {
    const auto checks = [](Filter filter) {
        return filter == Filter::deflate || filter == Filter::fletcher32 || filter == Filter::codec;
    };
    // What only the library can read would be unpacked twice to be compared.
    if (layout.kind == ArrayLayout::Kind::library)
        return layout.info.filters.find("deflate") != std::string::npos ||
               layout.info.filters.find("fletcher32") != std::string::npos;
    return layout.kind == ArrayLayout::Kind::chunks &&
           std::any_of(layout.filters.begin(), layout.filters.end(), checks) &&
           std::none_of(layout.chunks.begin(), layout.chunks.end(),
                        [](const ChunkPlace& place) { return place.mask != 0; });
}

}  // namespace narrows::storage
