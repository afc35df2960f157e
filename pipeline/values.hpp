// What goes over an edge and what may go wrong: errors with their place, shapes, borrowed tensors,
// loops. Standard library only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#if defined(__GNUC__)
#define NARROWS_PUBLIC __attribute__((visibility("default")))
#else
#define NARROWS_PUBLIC
#endif

namespace narrows {

// ---------------------------------------------------------------------------------- errors

// Where in a pipeline file something stands; line 0 means "nowhere in a file".
struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1;  // characters under the caret run
};

// What went wrong decides the exit code: run 1, usage 2, plugin 3, input 4.
enum class Fault : std::uint8_t { run = 1, usage = 2, plugin = 3, input = 4 };

// The user's wrong input, or a failure while running. Text: lower case, names the thing, what was
// found, what was expected, the next step. `hint` is that next step, printed on a line of its own.
class NARROWS_PUBLIC Error : public std::runtime_error {
public:
    Error(Fault fault, const std::string& text, std::string hint = {}, Position position = {});
    ~Error() override;
    Fault fault() const noexcept { return fault_; }
    const std::string& hint() const noexcept { return hint_; }
    const Position& position() const noexcept { return position_; }

private:
    Fault fault_;
    std::string hint_;
    Position position_;
};

// ---------------------------------------------------------------------------------- tensors

enum class Type : std::uint8_t { f32, f64, i64, i32, u8 };
constexpr std::size_t size_of(Type type) {
    return type == Type::f64 || type == Type::i64 ? 8 : type == Type::u8 ? 1 : 4;
}

// Extents, slowest first. A batch has the batch size in front: [batch, row, column].
class Shape {
public:
    static constexpr std::size_t max_rank = 8;
    Shape() = default;
    Shape(std::initializer_list<std::int64_t> extents) {
        for (std::int64_t extent : extents) push_back(extent);
    }
    std::size_t rank() const { return rank_; }
    std::int64_t operator[](std::size_t axis) const { return extent_[axis]; }
    std::int64_t& operator[](std::size_t axis) { return extent_[axis]; }
    const std::int64_t* begin() const { return extent_.data(); }
    const std::int64_t* end() const { return extent_.data() + rank_; }
    void push_back(std::int64_t extent) {
        if (rank_ == max_rank) throw Error(Fault::input, "more than 8 dimensions");
        extent_[rank_++] = extent;
    }
    std::int64_t elements() const {  // 1 for rank 0
        std::int64_t count = 1;
        for (std::int64_t extent : *this) count *= extent;
        return count;
    }
    Shape with_batch(std::int64_t batch) const {
        Shape out{batch};
        for (std::int64_t extent : *this) out.push_back(extent);
        return out;
    }
    Shape sample() const {  // without the first axis
        Shape out;
        for (std::size_t axis = 1; axis < rank_; ++axis) out.push_back(extent_[axis]);
        return out;
    }
    friend bool operator==(const Shape& a, const Shape& b) {
        if (a.rank_ != b.rank_) return false;
        for (std::size_t i = 0; i < a.rank_; ++i)
            if (a.extent_[i] != b.extent_[i]) return false;
        return true;
    }

private:
    std::array<std::int64_t, max_rank> extent_{};
    std::size_t rank_ = 0;
};
NARROWS_PUBLIC std::string to_string(const Shape& shape);  // "[28, 28]"

// A borrowed dense tensor, row-major; the memory belongs to the packet's slot (or the caller).
template <class T>
struct Tensor {
    T* data = nullptr;
    Shape shape;
    std::int64_t rows() const { return shape.rank() ? shape[0] : 1; }
    std::int64_t row_size() const { return rows() ? shape.elements() / rows() : 0; }
    T* row(std::int64_t r) const { return data + r * row_size(); }
    std::span<T> span() const { return {data, static_cast<std::size_t>(shape.elements())}; }
};
template <class T>
constexpr Type type_of() {
    using U = std::remove_const_t<T>;
    if constexpr (std::is_same_v<U, float>)
        return Type::f32;
    else if constexpr (std::is_same_v<U, double>)
        return Type::f64;
    else if constexpr (std::is_same_v<U, std::int64_t>)
        return Type::i64;
    else if constexpr (std::is_same_v<U, std::int32_t>)
        return Type::i32;
    else
        return Type::u8;
}

// A borrowed callable, for the length of one call.
template <class Signature>
class FunctionRef;
template <class R, class... A>
class FunctionRef<R(A...)> {
public:
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
        FunctionRef(F&& f)  // NOLINT: implicit on purpose
        : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
          call_([](void* object, A... args) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<A>(args)...);
          }) {}
    R operator()(A... args) const { return call_(object_, std::forward<A>(args)...); }

private:
    void* object_;
    R (*call_)(void*, A...);
};

// Work inside one step, cut into tasks that may run at once, isolated from other packets. A task's
// number decides what it computes; which thread runs it never matters for the result. The same
// task numbers tend to meet the same threads, call after call, so that data stays in its cache.
class NARROWS_PUBLIC Loop {
public:
    virtual ~Loop();
    virtual std::size_t threads() const noexcept = 0;
    virtual void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const = 0;
};
// Runs everything on the calling thread.
class NARROWS_PUBLIC SerialLoop final : public Loop {
public:
    std::size_t threads() const noexcept override { return 1; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        for (std::size_t task = 0; task < tasks; ++task) body(task);
    }
};

}  // namespace narrows
