#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "datasets/dataset.hpp"
#include "pipeline/storage/convert.hpp"

namespace narrows::datasets {
namespace {

class BlockCache final : public Dataset {
public:
    BlockCache(std::shared_ptr<const Dataset> base, std::int64_t block_rows, std::uint64_t bytes)
        : base_(std::move(base)),
          block_rows_(block_rows),
          most_bytes_(bytes),
          values_(static_cast<std::size_t>(base_->sample().elements())),
          row_bytes_(values_ *
                     (base_->stored_as_read() ? storage::size_of(base_->type()) : sizeof(float))) {}

    std::int64_t rows() const override { return base_->rows(); }
    const Shape& sample() const override { return base_->sample(); }
    storage::Numeric type() const override { return base_->type(); }
    std::uint64_t reading_bytes(std::size_t threads) const override {
        return base_->reading_bytes(threads);
    }
    std::string name() const override { return base_->name(); }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
        base_->read(first, count, out);
    }
    void read_stored(std::int64_t first, std::int64_t count, std::byte* out) const override {
        base_->read_stored(first, count, out);
    }
    void gather(std::span<const std::int64_t> rows, float* out) const override {
        Block from;
        std::int64_t number = -1;
        for (const std::int64_t row : rows) {
            if (row / block_rows_ != number || !from) from = block(number = row / block_rows_);
            const std::byte* const stored =
                from->bytes.get() +
                static_cast<std::size_t>(row - number * block_rows_) * row_bytes_;
            const auto type = base_->stored_as_read() ? base_->type() : storage::Numeric::f32;
            storage::to_float(type, stored, values_, {}, out);
            out += values_;
        }
    }
    bool stored_as_read() const override { return base_->stored_as_read(); }
    std::int64_t rows_together() const override { return base_->rows_together(); }
    std::vector<std::int64_t> labels() const override { return base_->labels(); }
    std::vector<std::string> label_names() const override { return base_->label_names(); }
    std::vector<std::int64_t> ids() const override { return base_->ids(); }

private:
    struct Values {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0;
    };
    using Block = std::shared_ptr<Values>;

    Block find(std::int64_t number) const {
        const std::lock_guard lock(mutex_);
        const auto found = places_.find(number);
        if (found == places_.end()) return nullptr;
        recent_.splice(recent_.begin(), recent_, found->second);
        return recent_.front().second;
    }

    // Memory for a block: of one that goes, where it is of that size and nobody reads it any more.
    Block room(std::size_t size) const {
        const std::lock_guard lock(mutex_);
        Block out;
        while (!recent_.empty() && bytes_ + size > most_bytes_) {
            Block last = std::move(recent_.back().second);
            bytes_ -= last->size;
            places_.erase(recent_.back().first);
            recent_.pop_back();
            if (last.use_count() == 1 && last->size == size) out = std::move(last);
        }
        bytes_ += size;
        if (out) return out;
        return std::make_shared<Values>(
            Values{std::make_unique_for_overwrite<std::byte[]>(size), size});
    }

    Block block(std::int64_t number) const {
        if (Block present = find(number)) return present;
        const std::lock_guard one(reading_[static_cast<std::size_t>(number) % reading_.size()]);
        if (Block present = find(number)) return present;

        const std::int64_t first = number * block_rows_;
        const std::int64_t count = std::min(block_rows_, rows() - first);
        const std::size_t size = static_cast<std::size_t>(count) * row_bytes_;
        const Block made = room(size);
        try {
            if (base_->stored_as_read())
                base_->read_stored(first, count, made->bytes.get());
            else
                base_->read(first, count, reinterpret_cast<float*>(made->bytes.get()));
        } catch (...) {
            const std::lock_guard lock(mutex_);
            bytes_ -= size;
            throw;
        }
        const std::lock_guard lock(mutex_);
        recent_.emplace_front(number, made);
        places_[number] = recent_.begin();
        return made;
    }

    const std::shared_ptr<const Dataset> base_;
    const std::int64_t block_rows_;
    const std::uint64_t most_bytes_;
    const std::size_t values_, row_bytes_;
    mutable std::mutex mutex_;                    // of the blocks; never held while reading
    mutable std::array<std::mutex, 16> reading_;  // by block: nobody reads one twice
    mutable std::list<std::pair<std::int64_t, Block>> recent_;  // newest first
    mutable std::unordered_map<std::int64_t, std::list<std::pair<std::int64_t, Block>>::iterator>
        places_;
    mutable std::uint64_t bytes_ = 0;
};

}  // namespace

std::shared_ptr<const Dataset> keep_blocks(std::shared_ptr<const Dataset> base,
                                           std::int64_t block_rows, std::uint64_t bytes) {
    return std::make_shared<BlockCache>(std::move(base), std::max<std::int64_t>(1, block_rows),
                                        bytes);
}

}  // namespace narrows::datasets
