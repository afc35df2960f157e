// Corruptions that move values to other places of their sample: the same values, another pattern.
// Chase and Simon's controls (1973; Gobet and Simon 1996): mirrored and shuffled boards.
#pragma once

#include "pipeline/plugin.hpp"

namespace narrows::plugins {

// y[k] = x[from[k]], with one order for each sample.
class Places : public Node {
public:
    void process(Context& context) override;
    void backward(Context& context) override;

protected:
    static Schema& describe_ports(Schema& schema, std::string_view summary) {
        return schema.summary(summary)
            .threads(Threads::parallel)
            .in("x", "f32[batch, ...]", "samples")
            .out("x", "f32 like x", "the same values in other places");
    }
    struct Key {
        std::uint64_t seed;
        std::uint32_t node, epoch;
        std::uint64_t sample;
    };

private:
    // from: 0, 1, ...; brought into the order of this sample.
    virtual void arrange(const Key& key, std::span<std::size_t> from) const = 0;
    template <class Body>
    void each_row(Context& context, std::size_t values, const Body& body) const;
};

// corrupt.mirror: one axis of each sample in reverse.
class Mirror final : public Places {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;

private:
    void arrange(const Key& key, std::span<std::size_t> from) const override;
    std::int64_t axis_ = -1;
    std::size_t extent_ = 1, inner_ = 1;  // of the axis; values of one step along it
};

// corrupt.shuffle: places in a random order, each sample's own; channels of a place stay together.
class Shuffle final : public Places {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;

private:
    void arrange(const Key& key, std::span<std::size_t> from) const override;
    std::string channels_ = "none";
    std::size_t places_ = 0, count_ = 1;  // of a sample; channels of a place
};

}  // namespace narrows::plugins
