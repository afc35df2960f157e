// Sums of an epoch, and the history that is made of them. One rule: packets are added in sequence
// order, within one in wiring order, so that the same run gives the same numbers.
#pragma once

#include "pipeline/flow/packet.hpp"

namespace narrows::flow {

// "kl[3]" is value 3 of the vector "kl"; nothing: a number of its own.
struct Element {
    std::string vector;
    std::size_t index = 0;
};
std::optional<Element> element_of(std::string_view name);

// Gives the last row of the history a value in column `name`, which is made where it is missing.
void set_column(Progress& progress, const std::string& name, double value);

class Metrics {
public:
    explicit Metrics(const Plan& plan) : plan_(plan) {}
    // `loss`: the sum of what the updates read; added with the packet's count.
    void add(const Packet& packet, std::optional<double> loss);
    double mean(std::string_view name) const;  // not a number: nothing yet
    std::map<std::string, double> means() const;
    void note(const std::string& name, double value) { add(name, value, 1); }  // of the whole epoch
    double ended(std::string_view name, Phase phase) const;  // mean of the epoch that ended last
    // Appends a row to the progress's history, notes the best loss (patience), then begins anew.
    // True: the best of a run that has validation, whose best model is kept.
    bool end_epoch(Progress& progress);
    std::vector<Progress::Partial> partial() const { return sums_; }
    void resume(std::vector<Progress::Partial> partial) { sums_ = std::move(partial); }

private:
    void add(const std::string& name, double sum, double weight);
    const Plan& plan_;
    std::vector<Progress::Partial> sums_, ended_;
};

// The sum of the scalars that update nodes read, each output once.
double loss_of(const Plan& plan, const Packet& packet);

}  // namespace narrows::flow
