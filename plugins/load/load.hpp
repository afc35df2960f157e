// load: samples of a file. While training it also fits the model's scaling and gives rows in the
// order of the epoch; rows held out for validation come in file order.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::plugins {

class Load final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    bool peek(std::string_view port, std::span<const std::int64_t> rows, void* values) override;

private:
    datasets::DataSpec beside() const;  // what the parameters say of every file
    std::shared_ptr<const datasets::Dataset> open_all(std::span<const std::string> data,
                                                      bool once = false) const;
    void hold_out(OpenContext& context);
    void read_labels(OpenContext& context);
    void read_held_out_labels();
    void read_rows(const datasets::Dataset& data, std::span<const std::int64_t> rows, float* x,
                   float* weight) const;
    void convert_rows(const datasets::Dataset& data, std::span<const std::int64_t> rows,
                      std::byte* spare, float* x) const;
    std::vector<std::int64_t> labels_of(const datasets::Dataset& data,
                                        const std::string& file) const;
    void take_scaling(OpenContext& context);
    void take_part(OpenContext& context);
    void set_order(OpenContext& context);
    void judge_drift(OpenContext& context, const model::Scaling& scaling) const;
    void find_neutral();
    void replace_missing(std::span<float> row, float* weight) const;
    std::int64_t training_row(std::int64_t i) const;
    std::int64_t validation_row(std::int64_t i) const;

    std::vector<std::string> file_;
    std::string dataset_, format_, sample_type_, label_column_, columns_, part_, labels_file_,
        validation_file_, validation_labels_file_;
    std::string scale_ = "auto", on_bad_row_ = "stop", on_drift_ = "warn";
    std::vector<double> shape_;
    std::int64_t batch_ = 128, block_rows_ = 4096, window_rows_ = 65536, window_ = 0, stride_ = 0,
                 ply_ = 40;
    std::int64_t labels_per_class_ = 0;
    double validation_ = 0;
    bool shuffle_ = false;

    std::shared_ptr<const datasets::Dataset> data_, held_out_;  // held_out_: of validation_file
    datasets::Summary summary_;
    std::int64_t training_ = 0, validation_rows_ = 0;
    std::vector<std::int64_t> labels_, held_out_labels_, ids_;
    std::int64_t first_row_ = 0;  // of the part, among all rows
    std::optional<datasets::SampleOrder> order_;
    std::optional<model::Scaling> scaling_;
    bool stored_ = false;         // bytes can be had as they are stored
    bool one_step_ = false;       // they become x by one factor
    std::size_t bytes_ = 0;       // workspace
    std::size_t values_ = 0;      // workspace
    std::vector<float> neutral_;  // mask: what missing values become, in units of the data
};

}  // namespace narrows::plugins
