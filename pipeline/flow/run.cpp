#include "pipeline/flow/run.hpp"

#include <algorithm>

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "pipeline/flow/engine.hpp"
#include "pipeline/flow/graph.hpp"
#include "pipeline/flow/run_context.hpp"
#include "pipeline/flow/stages.hpp"

namespace narrows::flow {
namespace {

// The life of the nodes around the graph. Whatever goes wrong, every node that has started is
// told: finish(), stopped() or abandon().
class Session {
public:
    // `before`: what the stage before has left; its history and samples go on.
    Session(const Plan& plan, Result& result, const Progress& before)
        : plan_(plan), result_(result), engine_(plan), progress_(plan.nodes.size()) {
        engine_.progress.stage = plan.part.index;
        engine_.progress.steps_before = before.steps_before + before.step;
        engine_.progress.samples_seen = before.samples_seen;
        engine_.progress.history_names = before.history_names;
        engine_.progress.history = before.history;
    }

    const Progress& progress() const { return engine_.progress; }

    // False: an earlier run is in a later stage; nothing was started.
    bool run() {
        try {
            if (plan_.settings.resume) restore();
            if (engine_.progress.stage > plan_.part.index) return false;
            start();
            Graph graph(engine_);
            engine_.report();
            if (!result_.already_complete) plan_.training() ? train(graph) : stream(graph);
            if (!result_.stopped) finish();
            if (result_.stopped) stop();
        } catch (...) {
            for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
                NodeRunContext context = context_of(i);
                if (!finished_ && !left_alone(i)) plan_.nodes[i].node->abandon(context);
            }
            throw;
        }
        fill_result();
        return true;
    }

private:
    NodeRunContext context_of(std::size_t node, bool epoch_ended = false, bool best = false) {
        Progress& progress = plan_.training() ? engine_.progress : progress_[node];
        return {plan_,       node, engine_.parallel, progress, result_, engine_.metrics,
                epoch_ended, best};
    }
    template <class Body>
    void each(Body body, bool epoch_ended = false, bool best = false) {
        for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
            if (left_alone(i)) continue;
            NodeRunContext context = context_of(i, epoch_ended, best);
            try {
                body(*plan_.nodes[i].node, context);
            } catch (const Error& error) {
                rethrow_for(*plan_.nodes[i].spec, error);
            }
        }
    }

    // A stream goes on at the sample that the slowest sink has; a training run where its
    // checkpoint stands.
    void restore() {
        std::vector<bool> restored(plan_.nodes.size(), false);
        std::size_t node = 0;
        each([&](Node& own, RunContext& run) { restored[node++] = own.restore(run); });
        const bool any = std::find(restored.begin(), restored.end(), true) != restored.end();
        if (plan_.training()) {
            result_.already_complete = any && engine_.progress.complete;
            engine_.metrics.resume(engine_.progress.partial);
        } else if (any) {
            std::uint64_t least = static_cast<std::uint64_t>(plan_.samples);
            bool sinks_complete = true;
            for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
                if (!is_sink(i)) continue;
                if (!restored[i]) {  // it has nothing yet
                    least = 0;
                    sinks_complete = false;
                    continue;
                }
                const std::uint64_t has = progress_[i].complete
                                              ? static_cast<std::uint64_t>(plan_.samples)
                                              : progress_[i].samples_seen;
                engine_.skip_below[i] = has;
                least = std::min(least, has);
                sinks_complete = sinks_complete && progress_[i].complete;
            }
            result_.already_complete = sinks_complete;
            first_ = static_cast<std::int64_t>(least);
        }
    }
    void start() {
        each([](Node& own, RunContext& run) { own.start(run); });
    }
    bool is_sink(std::size_t i) const { return plan_.nodes[i].type->outputs.empty(); }
    // restore() has found its file complete: neither started nor finished.
    bool left_alone(std::size_t i) const {
        return !plan_.training() && is_sink(i) && progress_[i].complete;
    }

    void stream(Graph& graph) {
        engine_.samples_done = static_cast<std::uint64_t>(first_);
        engine_.work.begin(0, first_ / plan_.batch);
        graph.run();
        if (engine_.failure.any()) engine_.failure.rethrow(plan_);
        result_.stopped = !engine_.work.done();
        for (Progress& progress : progress_)
            progress.samples_seen = std::max(progress.samples_seen, engine_.progress.samples_seen);
    }

    void train(Graph& graph) {
        Progress& progress = engine_.progress;
        const auto epochs = static_cast<std::uint32_t>(plan_.pipeline.run.epochs);
        const std::uint64_t steps = plan_.steps_per_epoch();
        engine_.samples_done = progress.samples_seen;
        while (progress.epoch < epochs && !out_of_patience()) {
            engine_.work.begin(progress.epoch,
                               static_cast<std::int64_t>(progress.step - progress.epoch * steps));
            graph.run();
            if (engine_.failure.any()) engine_.failure.rethrow(plan_);
            if (!engine_.work.done()) {
                result_.stopped = true;
                return;
            }
            if (plan_.part.stage) engine_.metrics.note("stage", plan_.part.index + 1.0);
            std::map<std::string, double> row = engine_.metrics.means();
            keep_results(row);
            const bool best = engine_.metrics.end_epoch(progress);
            each([](Node& own, RunContext& run) { own.epoch_end(run); }, true, best);
            engine_.report(true, std::move(row));
        }
    }
    void keep_results(const std::map<std::string, double>& means) {
        for (const auto& [name, value] : means) {
            const std::optional<Element> element = element_of(name);
            if (!element) {
                result_.numbers[name] = value;
                continue;
            }
            std::vector<double>& values = result_.vectors[element->vector];
            if (element->index >= values.size()) values.resize(element->index + 1);
            values[element->index] = value;
        }
    }
    bool out_of_patience() const {
        const Progress& progress = engine_.progress;
        return plan_.pipeline.run.patience > 0 &&
               progress.epoch >=
                   progress.best_epoch + static_cast<std::uint64_t>(plan_.pipeline.run.patience);
    }

    void finish() {
        if (!plan_.training()) keep_results(engine_.metrics.means());
        try {
            each([&](Node& own, RunContext& run) {
                own.finish(run);
                ++ended_;
            });
        } catch (const Error&) {
            if (!context_of(0).stopping()) throw;
            result_.stopped = true;  // one of them has heard of it
            return;
        }
        finished_ = true;
    }
    // Those that have not finished.
    void stop() {
        std::size_t node = 0;
        each([&](Node& own, RunContext& run) {
            if (node++ >= ended_) own.stopped(run);
        });
    }

    void fill_result() {
        result_.seconds += engine_.seconds();
        result_.threads = plan_.threads;
        result_.memory_bound = plan_.memory_bound;
        result_.steps = engine_.progress.steps_before + engine_.progress.step;
        result_.epochs = plan_.part.epochs_before + engine_.progress.epoch;
        result_.samples = plan_.training() ? engine_.progress.samples_seen : engine_.samples_done;
        result_.history_names = engine_.progress.history_names;
        result_.history = engine_.progress.history;
        result_.nodes = engine_.statistics.report(plan_, engine_.seconds());
    }

    const Plan& plan_;
    Result& result_;
    Engine engine_;
    std::vector<Progress> progress_;  // streaming: each sink has its own
    std::int64_t first_ = 0;          // streaming: sample to begin with
    std::size_t ended_ = 0;           // nodes whose finish() has returned
    bool finished_ = false;
};

}  // namespace

namespace {

// Opens each stage on models that nothing trains, one after another.
void open_stages(const std::vector<StagePart>& stages, const registry::Registry& registry,
                 const Settings& settings, FunctionRef<void(const Plan&)> body) {
    Settings quiet = settings;
    Plan::Models models;
    for (const StagePart& stage : stages) {
        const Plan plan(stage.pipeline, registry, quiet, stage.part, models);
        models = plan.models;
        body(plan);
        quiet.warn = nullptr;  // later stages would say the same
    }
}

// The loss that each stage has ended with.
void note_stage(const Progress& progress, Result& result) {
    std::vector<double>& losses = result.vectors["stage_loss"];
    const auto at = [&](std::string_view name) {
        return static_cast<std::size_t>(
            std::find(progress.history_names.begin(), progress.history_names.end(), name) -
            progress.history_names.begin());
    };
    const std::size_t loss = at("loss"), stage = at("stage");
    losses.clear();
    for (const std::vector<double>& row : progress.history) {
        if (stage >= row.size() || loss >= row.size()) continue;
        losses.resize(std::max(losses.size(), static_cast<std::size_t>(row[stage])), 0);
        losses[static_cast<std::size_t>(row[stage]) - 1] = row[loss];
    }
}

}  // namespace

Drawing inspect(const language::Pipeline& pipeline, const registry::Registry& registry,
                const Settings& settings) {
    Drawing drawing;
    open_stages(stages_of(pipeline), registry, settings, [&](const Plan& plan) {
        const std::uint64_t bound = std::max(drawing.memory_bound, plan.memory_bound);
        if (plan.part.index == 0) drawing = plan.drawing();
        drawing.memory_bound = bound;
    });
    return drawing;
}

Result run(const language::Pipeline& pipeline, const registry::Registry& registry,
           const Settings& settings) {
    const std::vector<StagePart> stages = stages_of(pipeline);
    Result result;
    std::uint64_t bound = 0;
    if (stages.size() > 1 ||
        settings.only_check)  // no stage may fail for a reason that is known now
        open_stages(stages, registry, settings,
                    [&](const Plan& plan) { bound = std::max(bound, plan.memory_bound); });
    result.memory_bound = bound;
    if (settings.only_check) return result;

    Settings own = settings;
    Plan::Models models;
    Progress progress;
    for (const StagePart& stage : stages) {
        Plan plan(stage.pipeline, registry, own, stage.part, models);
        plan.memory_bound = bound = std::max(bound, plan.memory_bound);
        models = plan.models;
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, plan.threads);
        tbb::task_arena arena(static_cast<int>(plan.threads));
        bool ran = false;
        arena.execute([&] {
            Session session(plan, result, progress);
            ran = session.run();
            progress = session.progress();
        });
        if (!ran) {
            progress = {};
            continue;
        }
        own.resume = false;
        if (stage.part.stage) note_stage(progress, result);
        if (result.stopped || result.already_complete) break;
    }
    return result;
}

}  // namespace narrows::flow
