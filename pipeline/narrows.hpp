// narrows from a C++ program: train, encode and the rest, in a few lines.
//
//     narrows::Runner runner;                                    // plugins from the usual folders
//     narrows::recipes::TrainOptions train;
//     train.source.data = {"digits.h5"};
//     train.output = "model.h5";
//     const auto trained = runner.train(train);                  // as `narrows train` does
//     const narrows::TrainedModel model("model.h5", runner);
//     const xt::xtensor<float, 2> codes = model.encode(samples); // [rows, features] -> [rows,
//     code]
//
// Thread safety: make one Runner and share it; its const members may be called from any thread, and
// each run stands alone (own graph, own models). A TrainedModel is read-only and may be shared too.
// Everything throws narrows::Error; nothing prints or exits.
#pragma once

#include <memory>
#include <string>

#include <xtensor/xtensor.hpp>

#include "pipeline/recipes/session.hpp"

namespace narrows {

class NARROWS_PUBLIC Runner {
public:
    // $NARROWS_PLUGIN_PATH, these folders, then those of the installed narrows. Throws
    // Error{Fault::plugin}.
    explicit Runner(std::span<const std::string> plugin_folders = {});

    // Each is the pipeline of the verb of that name; what the options leave open is decided as the
    // command decides it, by the data and by the model. Result: numbers ("loss", "sse"), texts
    // ("model_sha256"), history.
    flow::Result train(const recipes::TrainOptions& options,
                       const flow::Settings& settings = {}) const;
    flow::Result encode(recipes::StreamOptions options, const flow::Settings& settings = {}) const;
    flow::Result decode(recipes::StreamOptions options, const flow::Settings& settings = {}) const;
    flow::Result reconstruct(recipes::StreamOptions options,
                             const flow::Settings& settings = {}) const;
    flow::Result evaluate(recipes::StreamOptions options,
                          const flow::Settings& settings = {}) const;

    const recipes::Session& session() const { return session_; }  // any other pipeline

private:
    recipes::Session session_;
};

// A model in memory, for samples in memory. Values are in the units of the data: scaling is applied
// and undone. The same bits as the command gives, on any number of threads.
class NARROWS_PUBLIC TrainedModel {
public:
    // Verifies the file's checksum. Throws Error{Fault::input}.
    TrainedModel(const std::string& file, const Runner& runner);
    ~TrainedModel();
    TrainedModel(TrainedModel&&) noexcept;
    TrainedModel& operator=(TrainedModel&&) noexcept;

    std::size_t features() const;  // values of a sample, row-major in its shape
    std::size_t code_size() const;
    std::string sha256() const;
    // samples [rows, features] -> codes [rows, code_size]; of a variational model the means.
    // Throws Error{Fault::usage} where the second extent does not fit.
    xt::xtensor<float, 2> encode(const xt::xtensor<float, 2>& samples) const;
    // codes [rows, code_size] -> samples [rows, features]
    xt::xtensor<float, 2> decode(const xt::xtensor<float, 2>& codes) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// samples [rows, ...] with the shape of one sample as /samples of a new narrows-dataset, to train
// on what a program has in memory. Appears under its name when it is whole.
NARROWS_PUBLIC void save_samples(const std::string& file, const xt::xtensor<float, 2>& samples,
                                 const Shape& sample);

}  // namespace narrows
