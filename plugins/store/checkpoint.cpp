#include "plugins/store/checkpoint.hpp"

#include <charconv>

#include "pipeline/model/model_file.hpp"
#include "pipeline/ranks/ranks.hpp"
#include "pipeline/storage/difference.hpp"
#include "plugins/store/outputs.hpp"
#include "plugins/store/run_state.hpp"

namespace narrows::plugins {

namespace {

// "1 epoch", "5 epochs", "200 steps"
bool parse_every(std::string_view text, std::uint64_t& count, bool& epochs) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count == 0) return false;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    epochs = unit == " epoch" || unit == " epochs";
    return epochs || unit == " step" || unit == " steps";
}

std::filesystem::path folder_for(const std::filesystem::path& file) {
    std::filesystem::path folder = file;
    return folder.replace_extension(".ckpt");
}

}  // namespace

void StoreCheckpoint::describe(Schema& schema) {
    schema.summary("Save checkpoints while training, and the finished model at the end.")
        .threads(Threads::serial)
        .binds_model(Need::optional)
        .in("after", "event", "the optimiser's done")
        .text<&StoreCheckpoint::file_>("file", "", "file of the finished model", Need::required)
        .text<&StoreCheckpoint::every_text_>("every", "1 epoch",
                                             "between checkpoints: \"N epochs\" or \"N steps\"")
        .flag<&StoreCheckpoint::keep_>("keep_checkpoints", false,
                                       "leave the checkpoints when the run is complete");
}

void StoreCheckpoint::open(OpenContext& context) {
    if (context.mode() != Mode::train) context.fail("store.checkpoint needs mode = \"train\"");
    if (bound_autoencoder(context.model()) == nullptr)
        context.fail("store.checkpoint needs a model of type \"autoencoder\"",
                     "bind one with model = \"NAME\"");
    if (!parse_every(every_text_, every_, every_epochs_))
        context.fail("every is \"" + every_text_ + "\", expected a number of epochs or steps",
                     "for example every = \"1 epoch\" or every = \"500 steps\"");
    checkpoints_.folder = folder_for(file_);
}

void StoreCheckpoint::check_pipeline(const storage::Bundle& bundle,
                                     const std::string& where) const {
    const std::string difference = storage::first_difference(text_of(bundle, "/config"), pipeline_);
    if (!difference.empty())
        throw Error(Fault::usage,
                    "\"" + where + "\" belongs to another run: in its pipeline, " + difference,
                    "use the same pipeline, or start again without --resume");
}

void StoreCheckpoint::check_data(const storage::Bundle& bundle, const model::Autoencoder& model,
                                 const std::string& where) const {
    const std::string difference = difference_of_data(bundle, model);
    if (!difference.empty())
        throw Error(Fault::usage,
                    "\"" + where + "\" belongs to a run over other data: " + difference,
                    "use the same data, or start again without --resume");
}

bool StoreCheckpoint::restore(RunContext& run) {
    pipeline_ = run.pipeline_text();
    if (!claim_ && ranks::all().first()) claim_ = std::make_unique<storage::OutputClaim>(file_);
    model::Autoencoder& model = *bound_autoencoder(run.model());
    const std::optional<storage::Bundle> latest = checkpoints_.latest();
    if (!latest) return restore_finished(run);
    check_pipeline(*latest, checkpoints_.folder.string());
    check_data(*latest, model, checkpoints_.folder.string());
    load_weights(*latest, model);
    load_moments(*latest, model);
    run.progress() = progress_ = load_progress(*latest);
    best_step_ = load_best_step(*latest);
    saved_ = latest->step;
    return true;
}

// No checkpoints, but a model: the run was complete and has cleaned up.
bool StoreCheckpoint::restore_finished(RunContext& run) {
    std::error_code ignored;
    if (!std::filesystem::exists(file_, ignored)) return false;
    const storage::Bundle bundle = storage::read_bundle(file_, "narrows-model");
    check_pipeline(bundle, file_);
    check_data(bundle, *bound_autoencoder(run.model()), file_);
    if (!keep_) checkpoints_.remove_all();  // their folder may have outlived a power cut
    run.progress().complete = true;
    finished_before_ = true;
    if (const auto* hash = bundle.attribute("model_sha256"))
        if (const auto* text = std::get_if<std::string>(hash))
            run.result("model_sha256", std::string_view(*text));
    if (const auto* count = bundle.attribute("parameters"))
        if (const auto* number = std::get_if<std::int64_t>(count))
            run.result("parameters", static_cast<double>(*number));
    return true;
}

void StoreCheckpoint::start(RunContext& run) {
    pipeline_ = run.pipeline_text();
    progress_ = run.progress();
    if (!finished_before_ && ranks::all().first()) check_output(file_, run);
    if (!finished_before_ && !claim_ && ranks::all().first())
        claim_ = std::make_unique<storage::OutputClaim>(file_);
    if (progress_.stage > 0 && !saved_)
        saved_ = steps_done(progress_);  // those there are this run's
}

void StoreCheckpoint::refuse_bad_weights(model::Autoencoder& model) const {
    std::string which;
    if (model.weights_finite(which)) return;
    throw Error(
        Fault::run,
        "weights of " + which + " are not finite after step " + std::to_string(progress_.step),
        (saved_ ? "the last good checkpoint is that of step " + std::to_string(*saved_) + " in " +
                      checkpoints_.folder.string() + "; "
                : std::string()) +
            "lower the learning rate, or set clip on the optimiser");
}

// Every rank comes here at the same steps; the first one writes.
void StoreCheckpoint::save(model::Autoencoder& model) {
    refuse_bad_weights(model);
    model.gather_states();
    if (!ranks::all().first()) {
        saved_ = steps_done(progress_);
        return;
    }
    // Those of an earlier run must not be taken for ours by a later --resume.
    if (!saved_) checkpoints_.remove_all();
    checkpoints_.save(save_run(model, progress_, best_step_, pipeline_), best_step_);
    saved_ = steps_done(progress_);
}

void StoreCheckpoint::process(Context& context) {
    const Context::Place& place = context.place();
    if (place.phase != Phase::training) return;
    progress_ = context.progress();
    if (!every_epochs_ && progress_.step % every_ == 0) save(*bound_autoencoder(context.model()));
}

void StoreCheckpoint::epoch_end(RunContext& run) {
    progress_ = run.progress();
    if (run.is_best()) best_step_ = steps_done(progress_);
    const bool due = every_epochs_ && progress_.epoch % every_ == 0;
    // A checkpoint of this very step, made before the epoch ended, does not know of its end.
    if (due || run.is_best() || saved_ == steps_done(progress_))
        save(*bound_autoencoder(run.model()));
}

void StoreCheckpoint::finish(RunContext& run) {
    if (finished_before_) return;
    model::Autoencoder& model = *bound_autoencoder(run.model());
    progress_ = run.progress();
    refuse_bad_weights(model);
    if (keep_ && run.last_stage()) {
        progress_.complete = true;
        save(model);
    }
    if (progress_.best_epoch != 0 && best_step_ != 0 && best_step_ != steps_done(progress_)) {
        const std::optional<storage::Bundle> best = checkpoints_.at(best_step_);
        if (!best)
            throw Error(Fault::run,
                        "the checkpoint of the best epoch, step " + std::to_string(best_step_) +
                            " in " + checkpoints_.folder.string() + ", is gone",
                        "leave that folder alone while a run goes on");
        load_weights(*best, model);
    }
    if (!run.last_stage()) return;
    model.check_ranks();  // and nobody reads checkpoints any more
    // Those of another run go first: beside this run's model they would stop a later --resume.
    if (!saved_ && ranks::all().first()) checkpoints_.remove_all();
    publish(run, model);
    if (!keep_ && ranks::all().first()) checkpoints_.remove_all();
    claim_.reset();
}

// The file says what a later --resume needs to know: whose run it was, and its results.
void StoreCheckpoint::publish(RunContext& run, const model::Autoencoder& model) const {
    const std::string hash = model.sha256();
    const std::uint64_t count = model.parameter_count();
    storage::Bundle bundle = model::to_bundle(model, pipeline_);
    if (bundle.find("/config") == nullptr) bundle.arrays.push_back(config_array(pipeline_));
    if (bundle.attribute("model_sha256") == nullptr)
        bundle.attributes.emplace_back("model_sha256", hash);
    if (bundle.attribute("parameters") == nullptr)
        bundle.attributes.emplace_back("parameters", static_cast<std::int64_t>(count));
    add_history(run.progress(), bundle);
    if (ranks::all().first()) storage::write_bundle(file_, bundle);
    run.result("model_sha256", std::string_view(hash));
    run.result("parameters", static_cast<double>(count));
}

// Ctrl-C: the state after the last whole step.
void StoreCheckpoint::stopped(RunContext& run) {
    if (finished_before_) return;
    progress_ = run.progress();
    if (steps_done(progress_) > 0 && saved_ != steps_done(progress_))
        save(*bound_autoencoder(run.model()));
    claim_.reset();
}

void StoreCheckpoint::abandon(RunContext&) noexcept {
    claim_.reset();
}

}  // namespace narrows::plugins
