#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "datasets/formats.hpp"
#include "pipeline/storage/convert.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::datasets {
namespace {

using storage::ArrayInfo;
using storage::FileInfo;

constexpr std::uint64_t most_chunk = 8u << 20;  // several fit the reader's cache of decoded rows

std::string list_of(const FileInfo& info) {
    std::string text;
    for (const ArrayInfo& array : info.arrays)
        text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", array.path,
                            array.numeric ? storage::to_string(array.type) : "text",
                            to_string(array.shape));
    return text.empty() ? "it has no datasets" : "it has " + text;
}

const ArrayInfo& choose(const FileInfo& info, const DataSpec& spec) {
    const auto named = [&](std::string_view path) -> const ArrayInfo* {
        for (const ArrayInfo& array : info.arrays)
            if (array.path == path) return &array;
        return nullptr;
    };
    const std::string file = short_name(spec.file);
    if (!spec.dataset.empty()) {
        const ArrayInfo* found = named(spec.dataset);
        if (found == nullptr)
            throw Error(Fault::input,
                        fmt::format("\"{}\" has no dataset \"{}\"", file, spec.dataset),
                        list_of(info));
        if (!found->numeric)
            throw Error(Fault::input,
                        fmt::format("\"{}:{}\" holds texts, not numbers", file, spec.dataset));
        return *found;
    }
    if (info.format == "narrows-dataset")
        if (const ArrayInfo* found = named("/samples")) return *found;
    if (info.format == "narrows-codes")
        if (const ArrayInfo* found = named("/codes")) return *found;
    std::set<std::string> bounds;
    for (const ArrayInfo& array : info.arrays)
        if (!array.bounds_of.empty()) bounds.insert(array.path);
    std::vector<const ArrayInfo*> fitting;
    for (const ArrayInfo& array : info.arrays)
        if (array.numeric && array.shape.rank() >= 2 && !bounds.contains(array.path) &&
            !storage::are_checksums(array.path))
            fitting.push_back(&array);
    if (fitting.size() == 1) return *fitting[0];
    throw Error(Fault::input,
                fitting.empty()
                    ? fmt::format("\"{}\" has no numeric dataset of two dimensions or more", file)
                    : fmt::format("\"{}\" has several datasets", file),
                list_of(info) + "; name one as " + file + ":/NAME");
}

// Reads through the storage room; values are unpacked (CF) on the way to floats.
class Hdf5 final : public Dataset {
public:
    Hdf5(std::string name, std::unique_ptr<storage::ArrayReader> reader, Companions companions)
        : name_(std::move(name)), reader_(std::move(reader)), companions_(std::move(companions)) {
        const Shape& shape = reader_->info().shape;
        rows_ = shape.rank() ? shape[0] : 1;
        for (std::size_t axis = 1; axis < shape.rank(); ++axis) sample_.push_back(shape[axis]);
        if (sample_.rank() == 0) sample_.push_back(1);
    }
    std::int64_t rows() const override { return rows_; }
    const Shape& sample() const override { return sample_; }
    // Of packed values (CF) what they stand for, not the whole numbers that stand for them.
    storage::Numeric type() const override {
        return scaled() ? storage::Numeric::f32 : reader_->info().type;
    }
    std::string name() const override { return name_; }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        if (count > 0) reader_->read(first, count, out, true);
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        if (count > 0 && scaled())
            reader_->read(first, count, reinterpret_cast<float*>(out), true);
        else if (count > 0)
            reader_->read(first, count, out);
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        gather_by_runs(*this, rows, out);
    }
    bool stored_as_read() const override { return !scaled() && !reader_->info().fill_value; }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return reader_->reading_bytes(threads);
    }
    std::int64_t rows_together() const override {
        return reader_->info().chunk.empty() ? 1 : reader_->info().chunk[0];
    }
    std::vector<std::int64_t> labels() const override { return companions_.labels; }
    std::vector<std::string> label_names() const override { return companions_.label_names; }
    std::vector<std::int64_t> ids() const override { return companions_.ids; }

private:
    bool scaled() const {
        return reader_->info().scale_factor != 1 || reader_->info().add_offset != 0;
    }

    std::string name_;
    std::unique_ptr<storage::ArrayReader> reader_;
    Companions companions_;
    std::int64_t rows_ = 0;
    Shape sample_;
};

template <class T>
std::vector<std::int64_t> widened(const std::vector<std::byte>& stored) {
    std::vector<T> values(stored.size() / sizeof(T));
    std::copy_n(stored.data(), stored.size(), reinterpret_cast<std::byte*>(values.data()));
    return {values.begin(), values.end()};
}

// What is no number, or too large, becomes the least one.
std::int64_t nearest_zero(double value) {
    constexpr double limit = 9.2e18;
    return std::abs(value) < limit ? static_cast<std::int64_t>(value)
                                   : std::numeric_limits<std::int64_t>::min();
}

std::vector<std::int64_t> integers(const storage::ArrayFile& file, const FileInfo& info,
                                   const std::string& path) {
    const auto reader = file.open_checked(info, path);
    const std::int64_t rows = reader->info().shape[0];
    const storage::Numeric type = reader->info().type;
    std::vector<std::byte> stored(static_cast<std::size_t>(rows) * storage::size_of(type));
    if (rows > 0) reader->read(0, rows, stored.data());
    using storage::Numeric;
    if (type == Numeric::i64 || type == Numeric::u64) return widened<std::int64_t>(stored);
    if (type == Numeric::i32) return widened<std::int32_t>(stored);
    if (type == Numeric::u32) return widened<std::uint32_t>(stored);
    std::vector<std::int64_t> out(static_cast<std::size_t>(rows));
    if (type == Numeric::f64) {
        std::vector<double> values(out.size());
        std::copy_n(stored.data(), stored.size(), reinterpret_cast<std::byte*>(values.data()));
        std::transform(values.begin(), values.end(), out.begin(), nearest_zero);
        return out;
    }
    std::vector<float> values(out.size());
    storage::to_float(type, stored.data(), values.size(), {}, values.data());
    std::transform(values.begin(), values.end(), out.begin(), nearest_zero);
    return out;
}

}  // namespace

std::shared_ptr<const Dataset> open_hdf5(const DataSpec& spec, std::uint64_t budget, bool once) {
    const storage::ArrayFile file(spec.file);
    const FileInfo info = file.look();
    const ArrayInfo array = choose(info, spec);
    const std::string name = fmt::format("{}:{}", short_name(spec.file), array.path);
    if (array.shape.rank() == 0)
        throw Error(Fault::input, fmt::format("\"{}\" is a single value", name), list_of(info));
    storage::check_countable(array.shape, name);
    Companions companions;
    const std::int64_t rows = array.shape[0];
    for (const ArrayInfo& other : info.arrays) {
        if (!other.numeric || other.shape.rank() != 1 || other.shape[0] != rows ||
            other.path == array.path)
            continue;
        if (other.path == "/labels") companions.labels = integers(file, info, other.path);
        if (other.path == "/ids") companions.ids = integers(file, info, other.path);
    }
    if (!companions.labels.empty())
        for (const ArrayInfo& other : info.arrays)
            if (other.path == "/label_names" && !other.numeric && other.shape.rank() == 1)
                companions.label_names =
                    file.open_checked(info, other.path)->read_text(0, other.shape[0]);
    auto reader = file.open_checked(info, array.path);
    // Small data is decoded once, also where it comes in order but a chunk is many packets.
    const bool packed =
        array.scale_factor != 1 || array.add_offset != 0 || array.fill_value.has_value();
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(array.shape.elements()) * storage::size_of(array.type);
    const std::uint64_t row_size = rows > 0 ? bytes / static_cast<std::uint64_t>(rows) : 0;
    const bool as_it_comes =
        once && (array.chunk.empty() ||
                 static_cast<std::uint64_t>(array.chunk[0]) * row_size <= most_chunk);
    if (!packed && !as_it_comes && bytes <= budget && rows > 0) {
        RowLayout layout;
        layout.name = name;
        layout.rows = rows;
        for (std::size_t axis = 1; axis < array.shape.rank(); ++axis)
            layout.sample.push_back(array.shape[axis]);
        if (layout.sample.rank() == 0) layout.sample.push_back(1);
        layout.type = array.type;
        std::vector<std::byte> all(bytes);
        reader->read(0, rows, all.data());
        return make_rows(keep_bytes(std::move(all)), std::move(layout), std::move(companions));
    }
    return std::make_shared<Hdf5>(name, std::move(reader), std::move(companions));
}

}  // namespace narrows::datasets
