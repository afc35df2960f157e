#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "pipeline/layers/layer.hpp"
#include "pipeline/simd/bf16.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t line_floats = 16;  // of a 64-byte cache line
constexpr std::size_t line_bytes = line_floats * sizeof(float);

}  // namespace

void Floats::Free::operator()(float* memory) const {
    std::free(memory);
}

Floats::Floats(std::size_t size, std::size_t stagger) : size_(size) {
    if (size == 0) return;
    const std::size_t whole = (size + line_floats - 1) / line_floats + stagger;
    memory_.reset(static_cast<float*>(std::aligned_alloc(line_bytes, whole * line_bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
    std::memset(memory_.get(), 0, whole * line_bytes);
    data_ = memory_.get() + stagger * line_floats;
}

// A weight and its moments start 9, 18 and 27 lines into their pages.
Parameter::Parameter(std::string name, Shape shape, bool matrix, bool decays)
    : name_(std::move(name)), shape_(shape), matrix_(matrix), decays_(decays) {
    if (!matrix_) {
        data_ = Floats(count());
        return;
    }
    if (shape_.rank() != 2) throw std::logic_error("parameter " + name_ + ": a matrix has rank 2");
    const auto k = static_cast<std::size_t>(shape_[0]), n = static_cast<std::size_t>(shape_[1]);
    data_ = Floats(simd::panels_size(k, n));
}

void update_whole(Parameter& parameter, const float* gradient, const UpdateRule& rule) {
    if (parameter.frozen) return;
    UpdateBlock block;
    block.weight = parameter.data();
    block.gradient = gradient;
    for (int which = 0; which < 2; ++which) block.state[which] = parameter.state(which);
    block.count = parameter.stored();
    block.decays = parameter.decays();
    block.parameter = &parameter;
    rule.apply(block);
}

void Parameter::keep_transposed(std::size_t blocks) {
    if (!transposed_.empty()) return;
    const auto k = static_cast<std::size_t>(shape_[0]), n = static_cast<std::size_t>(shape_[1]);
    blocks_ = blocks;
    transposed_ = Floats(simd::panels_size(blocks * n, k / blocks), 27);
    const xt::xtensor<float, 1> packed = values();
    pack_transposed({packed.data(), packed.size()});
}

void Parameter::pack_transposed(std::span<const float> values) {
    const auto k = static_cast<std::size_t>(shape_[0]), n = static_cast<std::size_t>(shape_[1]);
    if (blocks_ == 1) return simd::pack_transposed(values.data(), k, n, transposed_.data());
    const std::size_t rows = k / blocks_;
    std::vector<float> below(k * n);  // the transposes, row-major
    for (std::size_t block = 0; block < blocks_; ++block)
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t j = 0; j < n; ++j)
                below[(block * n + j) * rows + r] = values[(block * rows + r) * n + j];
    simd::pack(below.data(), blocks_ * n, rows, transposed_.data());
}

void Parameter::make_states(int count, Precision precision) {
    states_ = trained ? count : 0;
    precision_ = precision;
    const int arrays = precision == Precision::bf16 ? std::min(states_, 1) : states_;
    for (int which = 0; which < 2; ++which)
        state_[which] = which < arrays
                            ? Floats(data_.size(), 9 * (static_cast<std::size_t>(which) + 1))
                            : Floats();
}

xt::xtensor<float, 1> Parameter::values(int which) const {
    auto out = xt::xtensor<float, 1>::from_shape({count()});
    const bool paired = which >= 0 && precision_ == Precision::bf16;
    const Floats& from = which < 0 ? data_ : state_[paired ? 0 : which];
    if (from.empty() || (which >= 0 && !has_state(which))) {
        out.fill(0.0f);
        return out;
    }
    write_canonical(from.data(), out.data());
    if (paired)
        for (float& value : out)
            value = which == 0 ? simd::first_of_pair(value) : simd::second_of_pair(value);
    return out;
}

void Parameter::write_canonical(const float* laid_out, float* out) const {
    if (matrix_)
        simd::unpack(laid_out, static_cast<std::size_t>(shape_[0]),
                     static_cast<std::size_t>(shape_[1]), out);
    else
        std::memcpy(out, laid_out, count() * sizeof(float));
}

std::vector<float> Parameter::canonical(std::span<const float> laid_out) const {
    std::vector<float> out(count());
    write_canonical(laid_out.data(), out.data());
    return out;
}

void Parameter::set_values(std::span<const float> values, int which) {
    if (values.size() != count())
        throw Error(Fault::input, "parameter " + name_ + " has " + std::to_string(count()) +
                                      " values but was given " + std::to_string(values.size()));
    if (which >= 0 && !has_state(which)) return;
    std::vector<float> pairs;
    if (which >= 0 && precision_ == Precision::bf16) {
        const xt::xtensor<float, 1> first = this->values(0), second = this->values(1);
        pairs.resize(count());
        for (std::size_t i = 0; i < count(); ++i)
            pairs[i] = simd::nearest_pair(which == 0 ? values[i] : first(i),
                                          which == 1 ? values[i] : second(i));
        values = pairs;
        which = 0;
    }
    Floats& to = which < 0 ? data_ : state_[which];
    if (to.empty()) return;
    if (!matrix_) {
        std::memcpy(to.data(), values.data(), values.size_bytes());
        return;
    }
    const auto k = static_cast<std::size_t>(shape_[0]), n = static_cast<std::size_t>(shape_[1]);
    simd::pack(values.data(), k, n, to.data());
    if (which < 0 && !transposed_.empty()) pack_transposed(values);
}

}  // namespace narrows::layers
