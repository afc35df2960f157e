#include "pipeline/flow/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narrows::flow {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// "loss", "validation_loss", then by name.
bool before(const std::string& a, const std::string& b) {
    const auto rank = [](const std::string& name) { return name == "loss" ? 0 : name == "validation_loss" ? 1 : 2; };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a < b;
}

}  // namespace

double loss_of(const Plan& plan, const Packet& packet) {
    double sum = 0;
    for (const NodePlan& node : plan.nodes)
        for (const OutputPlan& output : node.outputs)
            if (output.seed) sum += packet.scalars[output.scalar];
    return sum;
}

void Metrics::add(const std::string& name, double sum, double weight) {
    for (Progress::Partial& partial : sums_)
        if (partial.name == name) {
            partial.sum += sum;
            partial.weight += weight;
            return;
        }
    sums_.push_back({name, sum, weight});
}

void Metrics::add(const Packet& packet, std::optional<double> loss) {
    const std::string prefix = packet.place.phase == Phase::validation ? "validation_" : "";
    const auto count = static_cast<double>(packet.place.count);
    if (loss) add(prefix + "loss", *loss * count, count);
    for (const auto& list : packet.metrics)
        for (const Metric& metric : list) add(prefix + metric.name, metric.sum, metric.weight);
}

double Metrics::mean(std::string_view name) const {
    for (const Progress::Partial& partial : sums_)
        if (partial.name == name && partial.weight > 0) return partial.sum / partial.weight;
    return none;
}

std::map<std::string, double> Metrics::means() const {
    std::map<std::string, double> out;
    for (const Progress::Partial& partial : sums_)
        if (partial.weight > 0) out[partial.name] = partial.sum / partial.weight;
    return out;
}

bool Metrics::end_epoch(Progress& progress) {
    const std::map<std::string, double> row = means();
    std::vector<std::string> names = progress.history_names;
    for (const auto& [name, value] : row)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    std::sort(names.begin(), names.end(), before);
    std::vector<std::vector<double>> history;
    for (const auto& old : progress.history) {
        std::vector<double> values(names.size(), none);
        for (std::size_t i = 0; i < old.size(); ++i) {
            const auto at = std::find(names.begin(), names.end(), progress.history_names[i]);
            values[static_cast<std::size_t>(at - names.begin())] = old[i];
        }
        history.push_back(std::move(values));
    }
    std::vector<double> last;
    for (const std::string& name : names) {
        const auto found = row.find(name);
        last.push_back(found == row.end() ? none : found->second);
    }
    history.push_back(std::move(last));
    progress.history_names = std::move(names);
    progress.history = std::move(history);
    progress.epoch += 1;
    const double judged = plan_.validation > 0 ? mean("validation_loss") : mean("loss");
    const bool best = judged < progress.best_loss;
    if (best) {
        progress.best_loss = judged;
        progress.best_epoch = progress.epoch;
    }
    sums_.clear();
    progress.partial.clear();
    return best && plan_.validation > 0;
}

}  // namespace narrows::flow
