#include "pipeline/layers/vector_quantise.hpp"

#include <algorithm>
#include <array>

#include "pipeline/layers/extents.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t width = simd::panel_width;

std::vector<float> values_of(const Parameter& parameter) {
    const xt::xtensor<float, 1> values = parameter.values();
    return {values.begin(), values.end()};
}

}  // namespace

VectorQuantise::~VectorQuantise() = default;

void VectorQuantise::describe(Schema& schema) {
    schema.summary("Replaces each vector of a code by the nearest entry of a codebook")
        .main("entries")
        .integer<&VectorQuantise::entries_>("entries", 512, 1, 1 << 24, "vectors in the codebook")
        .integer<&VectorQuantise::size_set_>(
            "size", 0, 0, 1 << 24, "values of an entry; 0: the input's last axis (its channels)")
        .choice<&VectorQuantise::learning_>("learning", "moving_average", "moving_average|gradient",
                                            "how entries learn")
        .number<&VectorQuantise::decay_>("decay", 0.99, 0, 1,
                                         "part of the moving counts and sums that a step keeps")
        .number<&VectorQuantise::smoothing_>("smoothing", 1e-5, 0, 1e6,
                                             "moving_average: added to each entry's count")
        .number<&VectorQuantise::restart_>(
            "restart", 0.1, 0, 1,
            "an entry with less than this part of the even share moves to a vector of the batch; "
            "0: never");
}

Shape VectorQuantise::configure(const Shape& input) {
    if (input.rank() == 0) throw Error(Fault::usage, "vector_quantise needs an input with an axis");
    const std::int64_t size = size_set_ > 0 ? size_set_ : input[input.rank() - 1];
    if (input.elements() % size != 0)
        throw Error(Fault::usage,
                    "a code of " + std::to_string(input.elements()) +
                        " values is not made of vectors of " + std::to_string(size),
                    "give a size that divides the code's values");
    size_ = static_cast<std::size_t>(size);
    positions_ = static_cast<std::size_t>(input.elements() / size);
    codebook_ = std::make_unique<Parameter>("codebook", Shape{entries_, size}, true, false);
    codebook_->keep_transposed();
    counts_ = std::make_unique<Parameter>("counts", Shape{entries_}, false, false);
    counts_->trained = false;
    if (!by_gradient()) {
        sums_ = std::make_unique<Parameter>("sums", Shape{entries_, size}, false, false);
        sums_->trained = false;
    }
    batch_counts_.resize(entries());
    batch_sums_.resize(entries() * size_);
    return input;
}

std::vector<Parameter*> VectorQuantise::parameters() {
    std::vector<Parameter*> all{codebook_.get(), counts_.get()};
    if (sums_) all.push_back(sums_.get());
    return all;
}

// Uniform in [-1/K, 1/K], as the paper's authors do.
void VectorQuantise::initialise(RandomKey key) {
    key_ = key;
    const auto high = static_cast<float>(1.0 / static_cast<double>(entries_));
    std::vector<float> values(codebook_->count());
    simd::kernels().uniform({key.seed, key.node, 0, 0}, 0, values.data(), values.size());
    for (float& value : values) value = (2 * value - 1) * high;
    codebook_->set_values(values);
}

std::size_t VectorQuantise::workspace_bytes(std::size_t max_rows, bool) const {
    return max_rows * positions_ * sizeof(std::int32_t);
}

// One chain of squares an entry, 32 entries side by side.
std::int32_t VectorQuantise::nearest(const float* x, float* distances) const {
    float least = std::numeric_limits<float>::infinity();
    std::size_t found = 0;
    const float* panel = codebook_->transposed();
    for (std::size_t first = 0; first < entries(); first += width, panel += size_ * width) {
        std::fill_n(distances, width, 0.0f);
        for (std::size_t c = 0; c < size_; ++c)
            for (std::size_t j = 0; j < width; ++j) {
                const float difference = x[c] - panel[c * width + j];
                distances[j] += difference * difference;
            }
        for (std::size_t j = 0; j < std::min(width, entries() - first); ++j)
            if (distances[j] < least) {
                least = distances[j];
                found = first + j;
            }
    }
    return static_cast<std::int32_t>(found);
}

void VectorQuantise::forward(const Pass& pass, const float* x, float* y) {
    auto* const kept = reinterpret_cast<std::int32_t*>(pass.workspace);
    each_sample(pass, [&](std::size_t row) {
        alignas(64) std::array<float, width> distances;
        for (std::size_t at = row * positions_; at < (row + 1) * positions_; ++at) {
            const std::int32_t k = nearest(x + at * size_, distances.data());
            kept[at] = k;
            // Row k of [K, d] in the panels of its transpose.
            const auto entry = static_cast<std::size_t>(k);
            const float* from =
                codebook_->transposed() + entry / width * size_ * width + entry % width;
            for (std::size_t c = 0; c < size_; ++c) y[at * size_ + c] = from[c * width];
        }
    });
}

void VectorQuantise::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx && dx != dy) std::copy_n(dy, pass.rows * positions_ * size_, dx);
}

// Vectors in order, in double.
void VectorQuantise::take_batch(std::span<const Trace> traces) {
    std::fill(batch_counts_.begin(), batch_counts_.end(), 0.0);
    std::fill(batch_sums_.begin(), batch_sums_.end(), 0.0);
    for (const Trace& trace : traces) {
        const std::int32_t* index = indices(trace.pass.workspace);
        for (std::size_t at = 0; at < trace.pass.rows * positions_; ++at) {
            const auto k = static_cast<std::size_t>(index[at]);
            batch_counts_[k] += 1;
            for (std::size_t c = 0; c < size_; ++c)
                batch_sums_[k * size_ + c] += trace.x[at * size_ + c];
        }
    }
    for (std::size_t k = 0; k < entries(); ++k)
        counts_->data()[k] =
            static_cast<float>(decay_ * counts_->data()[k] + (1 - decay_) * batch_counts_[k]);
}

void VectorQuantise::average() {
    double total = 0;
    for (std::size_t k = 0; k < entries(); ++k) total += counts_->data()[k];
    const double all = total + static_cast<double>(entries()) * smoothing_;
    for (std::size_t k = 0; k < entries(); ++k) {
        const double count = (counts_->data()[k] + smoothing_) / all * total;
        float* const sum = sums_->data() + k * size_;
        for (std::size_t c = 0; c < size_; ++c) {
            const std::size_t i = k * size_ + c;
            sum[c] = static_cast<float>(decay_ * sum[c] + (1 - decay_) * batch_sums_[i]);
            if (count > 0) values_[i] = static_cast<float>(sum[c] / count);
        }
    }
}

// True if an entry moved.
bool VectorQuantise::move_unused(std::span<const Trace> traces) {
    std::size_t vectors = 0;
    for (const Trace& trace : traces) vectors += trace.pass.rows * positions_;
    const double least = restart_ * static_cast<double>(vectors) / static_cast<double>(entries());
    const Pass& first = traces[0].pass;
    const std::uint64_t sample =
        first.sample_ids.empty() ? 0 : static_cast<std::uint64_t>(first.sample_ids[0]);
    bool moved = false;
    for (std::size_t k = 0; k < entries(); ++k) {
        if (counts_->data()[k] >= static_cast<float>(least)) continue;
        moved = true;
        const auto block = static_cast<std::uint32_t>(k);
        const std::uint64_t word =
            simd::philox(key_.seed, key_.node + 1, first.epoch, sample, block)[0];
        std::size_t at = word * vectors >> 32;
        const Trace* from = traces.data();
        for (; at >= from->pass.rows * positions_; ++from) at -= from->pass.rows * positions_;
        counts_->data()[k] = static_cast<float>(least);
        for (std::size_t c = 0; c < size_; ++c) {
            const float value = from->x[at * size_ + c];
            values_[k * size_ + c] = value;
            if (sums_) sums_->data()[k * size_ + c] = static_cast<float>(least * value);
        }
    }
    return moved;
}

// Called once a step, where update() may be called twice.
void VectorQuantise::prepare_update(std::span<const Trace> traces) {
    if (traces.empty() || codebook_->frozen) return;
    take_batch(traces);
    if (by_gradient() && restart_ == 0) return;
    values_ = values_of(*codebook_);
    if (!by_gradient()) average();
    const bool moved = restart_ > 0 && move_unused(traces);
    if (moved || !by_gradient()) codebook_->set_values(values_);
}

// d/de_k of sum |x - e_k|^2 / samples over the vectors nearest to k.
void VectorQuantise::update(const Loop&, std::span<const Trace> traces, const UpdateRule& rule) {
    if (!by_gradient() || traces.empty() || codebook_->frozen) return;
    std::size_t samples = 0;
    for (const Trace& trace : traces) samples += trace.pass.rows;
    values_ = values_of(*codebook_);
    std::vector<float> plain(values_.size());
    for (std::size_t k = 0; k < entries(); ++k)
        for (std::size_t c = 0; c < size_; ++c) {
            const std::size_t i = k * size_ + c;
            plain[i] = static_cast<float>(2 * (batch_counts_[k] * values_[i] - batch_sums_[i]) /
                                          static_cast<double>(samples));
        }
    gradient_.resize(codebook_->stored());
    simd::pack(plain.data(), entries(), size_, gradient_.data());
    update_whole(*codebook_, gradient_.data(), rule);
    codebook_->set_values(values_of(*codebook_));  // its packed transpose
}

std::string VectorQuantise::describe() const {
    return "vector_quantise " + std::to_string(entries_) + " of " + std::to_string(size_);
}

}  // namespace narrows::layers
