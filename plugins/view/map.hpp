// view.map: samples or codes as points of the plane, as data (HDF5), picture (PNG, SVG) or page
// (HTML). Not a stream: it holds all of them until the end.
#pragma once

#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "pipeline/analysis/tsne.hpp"
#include "pipeline/pictures/scatter.hpp"

namespace narrows::plugins {

class ViewMap final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    enum class Kind : std::uint8_t { hdf5, png, svg, html };
    struct Drawn {
        std::vector<float> map;            // [samples, 2]
        std::vector<std::string> caption;  // what it is and how good
    };

    void take_labels();
    void take_sample_shape(OpenContext& context);
    analysis::TsneSettings settings() const;
    Drawn make_map(RunContext& run);
    pictures::Colouring colouring() const;
    std::vector<std::string> label_texts() const;
    storage::CodesLayout layout(const RunContext& run) const;
    void write_data(RunContext& run, const Drawn& drawn) const;
    void write_page(RunContext& run, pictures::Scatter scatter);

    std::string file_, method_, format_, label_column_, columns_;
    std::vector<std::string> labels_file_;
    std::vector<double> sample_shape_;
    double perplexity_ = 30, exaggeration_ = 12, theta_ = 0.5;
    std::int64_t iterations_ = 1000, neighbours_ = 12;

    Kind kind_ = Kind::hdf5;
    bool own_samples_ = false;  // the page shows in.x, not in.z
    std::size_t samples_ = 0, size_ = 0, shown_size_ = 0;
    Shape shown_;  // of a sample on the page
    datasets::Labels labels_;
    std::vector<float> values_, samples_shown_;
    std::vector<std::int64_t> ids_;
};

}  // namespace narrows::plugins
