// generate: procedural data as a source (datasets/generate.cpp says how rows are made).
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::plugins {

class Generate final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::string kind_ = "digits", scale_ = "auto";
    std::int64_t samples_ = 1000, batch_ = 128;
    bool shuffle_ = false;
    std::uint64_t seed_ = 1;
    datasets::Generated layout_;
    std::size_t stored_ = 0;
    std::optional<datasets::SampleOrder> order_;
    std::optional<model::Scaling> scaling_;
};

}  // namespace narrows::plugins
