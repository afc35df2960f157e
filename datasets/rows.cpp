#include "datasets/rows.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "pipeline/storage/convert.hpp"

namespace narrows::datasets {
namespace {

std::size_t values_of(const Dataset& data) {
    return static_cast<std::size_t>(data.sample().elements());
}

constexpr std::size_t converted_at_once = 1u << 20;  // bytes

class Rows final : public Dataset {
public:
    Rows(std::shared_ptr<const Bytes> bytes, RowLayout layout, Companions companions)
        : bytes_(std::move(bytes)), layout_(std::move(layout)), companions_(std::move(companions)) {
        storage::check_countable(layout_.sample.with_batch(layout_.rows), layout_.name);
        const std::uint64_t end =
            layout_.offset + static_cast<std::uint64_t>(layout_.rows) * row_bytes();
        if (end > bytes_->size())
            throw Error(
                Fault::input,
                fmt::format("\"{}\" is cut off: {} rows of {} bytes need {} bytes, it has {}",
                            layout_.name, layout_.rows, row_bytes(), end, bytes_->size()),
                "fetch the file again");
    }
    std::int64_t rows() const override { return layout_.rows; }
    const Shape& sample() const override { return layout_.sample; }
    storage::Numeric type() const override { return layout_.type; }
    std::string name() const override { return layout_.name; }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        const std::size_t bytes = static_cast<std::size_t>(count) * row_bytes();
        bytes_->read(layout_.offset + static_cast<std::uint64_t>(first) * row_bytes(), bytes, out);
        if (layout_.big_endian) storage::swap_bytes(out, bytes / value_bytes(), value_bytes());
    }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        if (layout_.type == storage::Numeric::f32)
            return read_stored(first, count, reinterpret_cast<std::byte*>(out));
        const auto together = std::max<std::int64_t>(
            1,
            static_cast<std::int64_t>(converted_at_once / std::max<std::size_t>(1, row_bytes())));
        std::vector<std::byte> stored(static_cast<std::size_t>(std::min(together, count)) *
                                      row_bytes());
        const std::size_t features = row_bytes() / value_bytes();
        for (std::int64_t done = 0; done < count; done += together) {
            const std::int64_t here = std::min(together, count - done);
            read_stored(first + done, here, stored.data());
            storage::to_float(layout_.type, stored.data(),
                              static_cast<std::size_t>(here) * features, {},
                              out + static_cast<std::size_t>(done) * features);
        }
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        gather_by_runs(*this, rows, out);
    }
    bool in_memory() const override { return bytes_->in_memory(); }
    const std::byte* stored_row(std::int64_t row) const override {
        const std::byte* const all = bytes_->data();
        if (all == nullptr || (layout_.big_endian && value_bytes() > 1)) return nullptr;
        return all + layout_.offset + static_cast<std::size_t>(row) * row_bytes();
    }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return layout_.type == storage::Numeric::f32
                   ? 0
                   : threads * std::max(converted_at_once, row_bytes());
    }
    std::vector<std::int64_t> labels() const override { return companions_.labels; }
    std::vector<std::string> label_names() const override { return companions_.label_names; }
    std::vector<std::int64_t> ids() const override { return companions_.ids; }

private:
    std::size_t value_bytes() const { return storage::size_of(layout_.type); }
    std::size_t row_bytes() const {
        return static_cast<std::size_t>(layout_.sample.elements()) * value_bytes();
    }
    std::shared_ptr<const Bytes> bytes_;
    RowLayout layout_;
    Companions companions_;
};

class Range final : public Dataset {
public:
    Range(std::shared_ptr<const Dataset> base, std::int64_t first, std::int64_t last)
        : base_(std::move(base)), first_(first), last_(last) {}
    std::int64_t rows() const override { return last_ - first_; }
    const Shape& sample() const override { return base_->sample(); }
    storage::Numeric type() const override { return base_->type(); }
    std::string name() const override { return base_->name(); }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        base_->read(first_ + first, count, out);
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        base_->read_stored(first_ + first, count, out);
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        std::vector<std::int64_t> moved(rows.begin(), rows.end());
        for (std::int64_t& row : moved) row += first_;
        base_->gather(moved, out);
    }
    bool stored_as_read() const override { return base_->stored_as_read(); }
    bool in_memory() const override { return base_->in_memory(); }
    const std::byte* stored_row(std::int64_t row) const override {
        return base_->stored_row(first_ + row);
    }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return base_->reading_bytes(threads);
    }
    std::int64_t rows_together() const override { return base_->rows_together(); }
    std::vector<std::int64_t> labels() const override { return cut(base_->labels()); }
    std::vector<std::string> label_names() const override { return base_->label_names(); }
    std::vector<std::int64_t> ids() const override { return cut(base_->ids()); }

private:
    std::vector<std::int64_t> cut(const std::vector<std::int64_t>& all) const {
        return all.empty() ? all
                           : std::vector<std::int64_t>(all.begin() + first_, all.begin() + last_);
    }
    std::shared_ptr<const Dataset> base_;
    std::int64_t first_, last_;
};

// Sample i is rows i * stride ... i * stride + window - 1 of the series.
class Windows final : public Dataset {
public:
    Windows(std::shared_ptr<const Dataset> base, std::int64_t window, std::int64_t stride)
        : base_(std::move(base)), window_(window), stride_(stride) {
        sample_.push_back(window);
        if (base_->sample().elements() > 1)
            for (const std::int64_t extent : base_->sample()) sample_.push_back(extent);
        rows_ = base_->rows() < window ? 0 : (base_->rows() - window) / stride + 1;
    }
    std::int64_t rows() const override { return rows_; }
    const Shape& sample() const override { return sample_; }
    storage::Numeric type() const override { return base_->type(); }
    std::string name() const override { return base_->name(); }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        for (std::int64_t row = first; row < first + count; ++row, out += values_of(*this))
            base_->read(row * stride_, window_, out);
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        for (std::int64_t row = first; row < first + count;
             ++row, out += values_of(*this) * storage::size_of(type()))
            base_->read_stored(row * stride_, window_, out);
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        for (const std::int64_t row : rows) {
            base_->read(row * stride_, window_, out);
            out += values_of(*this);
        }
    }
    bool stored_as_read() const override { return base_->stored_as_read(); }
    bool in_memory() const override { return base_->in_memory(); }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return base_->reading_bytes(threads);
    }
    std::int64_t rows_together() const override { return base_->rows_together(); }
    // A window counts as what most matters in it: its highest label (1: an anomaly).
    std::vector<std::int64_t> labels() const override {
        const std::vector<std::int64_t> all = base_->labels();
        std::vector<std::int64_t> out;
        if (all.empty()) return out;
        for (std::int64_t row = 0; row < rows_; ++row)
            out.push_back(*std::max_element(all.begin() + row * stride_,
                                            all.begin() + row * stride_ + window_));
        return out;
    }
    std::vector<std::string> label_names() const override { return base_->label_names(); }

private:
    std::shared_ptr<const Dataset> base_;
    std::int64_t window_, stride_, rows_ = 0;
    Shape sample_;
};

class Joined final : public Dataset {
public:
    explicit Joined(std::vector<std::shared_ptr<const Dataset>> parts) : parts_(std::move(parts)) {
        for (const auto& part : parts_) {
            if (!(part->sample() == parts_[0]->sample()) || part->type() != parts_[0]->type())
                throw Error(
                    Fault::input,
                    fmt::format("{} holds {} {}, but {} holds {} {}", parts_[0]->name(),
                                to_string(parts_[0]->sample()),
                                storage::to_string(parts_[0]->type()), part->name(),
                                to_string(part->sample()), storage::to_string(part->type())),
                    "data that is joined must have one shape and type");
            starts_.push_back(rows_);
            rows_ += part->rows();
        }
    }
    std::int64_t rows() const override { return rows_; }
    const Shape& sample() const override { return parts_[0]->sample(); }
    storage::Numeric type() const override { return parts_[0]->type(); }
    std::string name() const override {
        return fmt::format("{} and {} more", parts_[0]->name(), parts_.size() - 1);
    }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        each(first, count,
             [&](const Dataset& part, std::int64_t at, std::int64_t n, std::int64_t done) {
                 part.read(at, n, out + static_cast<std::size_t>(done) * values_of(*this));
             });
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        const std::size_t bytes = values_of(*this) * storage::size_of(type());
        each(first, count,
             [&](const Dataset& part, std::int64_t at, std::int64_t n, std::int64_t done) {
                 part.read_stored(at, n, out + static_cast<std::size_t>(done) * bytes);
             });
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        gather_by_runs(*this, rows, out);
    }
    bool stored_as_read() const override {
        return std::all_of(parts_.begin(), parts_.end(),
                           [](const auto& part) { return part->stored_as_read(); });
    }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        std::uint64_t bytes = 0;
        for (const auto& part : parts_) bytes += part->reading_bytes(threads);
        return bytes;
    }
    bool in_memory() const override {
        return std::all_of(parts_.begin(), parts_.end(),
                           [](const auto& part) { return part->in_memory(); });
    }
    const std::byte* stored_row(std::int64_t row) const override {
        const std::byte* found = nullptr;
        each(row, 1, [&](const Dataset& part, std::int64_t at, std::int64_t, std::int64_t) {
            found = part.stored_row(at);
        });
        return found;
    }
    std::int64_t rows_together() const override { return parts_[0]->rows_together(); }
    std::vector<std::int64_t> labels() const override {
        return all([](const Dataset& part) { return part.labels(); });
    }
    std::vector<std::string> label_names() const override { return parts_[0]->label_names(); }

private:
    template <class Body>
    void each(std::int64_t first, std::int64_t count, Body body) const {
        std::int64_t done = 0;
        for (std::size_t i = 0; i < parts_.size() && done < count; ++i) {
            const std::int64_t at = first + done - starts_[i];
            if (at >= parts_[i]->rows()) continue;
            const std::int64_t n = std::min(count - done, parts_[i]->rows() - at);
            body(*parts_[i], at, n, done);
            done += n;
        }
    }
    template <class Take>
    std::vector<std::int64_t> all(Take take) const {
        std::vector<std::int64_t> out;
        for (const auto& part : parts_) {
            const std::vector<std::int64_t> some = take(*part);
            if (static_cast<std::int64_t>(some.size()) != part->rows()) return {};
            out.insert(out.end(), some.begin(), some.end());
        }
        return out;
    }
    std::vector<std::shared_ptr<const Dataset>> parts_;
    std::vector<std::int64_t> starts_;
    std::int64_t rows_ = 0;
};

class Selection final : public Dataset {
public:
    Selection(std::shared_ptr<const Dataset> base, std::vector<std::int64_t> rows)
        : base_(std::move(base)), rows_(std::move(rows)) {}
    std::int64_t rows() const override { return static_cast<std::int64_t>(rows_.size()); }
    const Shape& sample() const override { return base_->sample(); }
    storage::Numeric type() const override { return base_->type(); }
    std::string name() const override { return base_->name(); }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        base_->gather(std::span(rows_).subspan(static_cast<std::size_t>(first),
                                               static_cast<std::size_t>(count)),
                      out);
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        const std::size_t bytes = values_of(*this) * storage::size_of(type());
        for (std::int64_t i = first; i < first + count; ++i, out += bytes)
            base_->read_stored(rows_[static_cast<std::size_t>(i)], 1, out);
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        std::vector<std::int64_t> moved;
        for (const std::int64_t row : rows) moved.push_back(rows_[static_cast<std::size_t>(row)]);
        base_->gather(moved, out);
    }
    bool stored_as_read() const override { return base_->stored_as_read(); }
    bool in_memory() const override { return base_->in_memory(); }
    const std::byte* stored_row(std::int64_t row) const override {
        return base_->stored_row(rows_[static_cast<std::size_t>(row)]);
    }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return base_->reading_bytes(threads);
    }
    std::int64_t rows_together() const override { return base_->rows_together(); }
    std::vector<std::int64_t> labels() const override { return pick(base_->labels()); }
    std::vector<std::string> label_names() const override { return base_->label_names(); }
    std::vector<std::int64_t> ids() const override {
        const std::vector<std::int64_t> own = pick(base_->ids());
        return own.empty() ? rows_ : own;
    }

private:
    std::vector<std::int64_t> pick(const std::vector<std::int64_t>& all) const {
        std::vector<std::int64_t> out;
        if (!all.empty())
            for (const std::int64_t row : rows_) out.push_back(all[static_cast<std::size_t>(row)]);
        return out;
    }
    std::shared_ptr<const Dataset> base_;
    std::vector<std::int64_t> rows_;
};

}  // namespace

Dataset::~Dataset() = default;

void gather_by_runs(const Dataset& data, std::span<const std::int64_t> rows, float* out) {
    const std::size_t values = values_of(data);
    for (std::size_t i = 0; i < rows.size();) {
        std::size_t run = 1;
        while (i + run < rows.size() && rows[i + run] == rows[i] + static_cast<std::int64_t>(run))
            ++run;
        data.read(rows[i], static_cast<std::int64_t>(run), out + i * values);
        i += run;
    }
}

std::shared_ptr<const Dataset> make_rows(std::shared_ptr<const Bytes> bytes, RowLayout layout,
                                         Companions companions) {
    return std::make_shared<Rows>(std::move(bytes), std::move(layout), std::move(companions));
}

std::shared_ptr<const Dataset> make_range(std::shared_ptr<const Dataset> base, std::int64_t first,
                                          std::int64_t last) {
    if (first < 0 || last > base->rows() || first > last)
        throw Error(Fault::input,
                    fmt::format("{} has rows 0 to {}, but {} to {} were asked for", base->name(),
                                base->rows(), first, last),
                    "rows are counted from zero, the last is left out");
    return std::make_shared<Range>(std::move(base), first, last);
}

std::shared_ptr<const Dataset> make_windows(std::shared_ptr<const Dataset> base,
                                            std::int64_t window, std::int64_t stride) {
    if (base->rows() < window)
        throw Error(Fault::input,
                    fmt::format("{} has {} steps, too few for a window of {}", base->name(),
                                base->rows(), window),
                    "use a smaller --window");
    return std::make_shared<Windows>(std::move(base), window, stride > 0 ? stride : window);
}

std::shared_ptr<const Dataset> make_joined(std::vector<std::shared_ptr<const Dataset>> parts) {
    if (parts.size() == 1) return parts[0];
    return std::make_shared<Joined>(std::move(parts));
}

std::shared_ptr<const Dataset> rows_between(std::shared_ptr<const Dataset> base, std::int64_t first,
                                            std::int64_t last) {
    return make_range(std::move(base), first, last);
}

std::shared_ptr<const Dataset> select(std::shared_ptr<const Dataset> base,
                                      std::vector<std::int64_t> rows) {
    return std::make_shared<Selection>(std::move(base), std::move(rows));
}

}  // namespace narrows::datasets
