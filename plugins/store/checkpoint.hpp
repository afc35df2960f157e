// store.checkpoint: keeps a training run safe and publishes its model. Checkpoints stand in a
// folder beside the model's file (dae.h5: dae.ckpt/); the file itself appears when the run is
// complete.
#pragma once

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/bundle.hpp"

namespace narrows::model {
class Autoencoder;
}

namespace narrows::plugins {

class StoreCheckpoint final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void epoch_end(RunContext& run) override;
    void finish(RunContext& run) override;
    void stopped(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    bool restore_finished(RunContext& run);
    void check_pipeline(const storage::Bundle& bundle, const std::string& where) const;
    void check_data(const storage::Bundle& bundle, const model::Autoencoder& model,
                    const std::string& where) const;
    void save(model::Autoencoder& model);
    void refuse_bad_weights(model::Autoencoder& model) const;
    void publish(RunContext& run, const model::Autoencoder& model) const;

    std::string file_, every_text_;
    bool keep_ = false;
    std::uint64_t every_ = 1;
    bool every_epochs_ = true;

    storage::Checkpoints checkpoints_;
    std::string pipeline_;
    Progress progress_;                   // as of the last update
    std::uint64_t best_step_ = 0;         // of the checkpoint that holds the best epoch; 0: none
    std::optional<std::uint64_t> saved_;  // step of the last good checkpoint of this run
    bool finished_before_ = false;
    std::unique_ptr<storage::OutputClaim> claim_;  // the folder and the file are this run's
};

}  // namespace narrows::plugins
