// The parameters of both stacks as one list: chosen, updated, read, set and hashed.
#include <algorithm>

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/model/clipping.hpp"
#include "pipeline/model/digest.hpp"

namespace narrows::model {

void Autoencoder::choose_trained(std::span<const std::string> train,
                                 std::span<const std::string> freeze) {
    const std::vector<std::string> names = parameter_names();
    const std::vector<layers::Parameter*> all = parameters();
    const auto within = [](const std::string& name, const std::string& part) {
        return part.empty() ||
               (name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.'));
    };
    const auto listed = [&](const std::string& name, std::span<const std::string> parts) {
        return std::any_of(parts.begin(), parts.end(),
                           [&](const std::string& part) { return within(name, part); });
    };
    for (const auto& parts : {train, freeze})
        for (const std::string& part : parts)
            if (std::none_of(names.begin(), names.end(),
                             [&](const std::string& name) { return within(name, part); }))
                throw Error(Fault::usage,
                            "model \"" + name_ + "\" has no parameters in \"" + part + "\"",
                            "parts are \"encoder\", \"decoder\", \"encoder.0\" and so on; tied "
                            "weights are the encoder's");
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i]->frozen = (!train.empty() && !listed(names[i], train)) || listed(names[i], freeze);
    encoder_.find_trained();
    decoder_.find_trained();
    // Borrowers of a weight that is trained pass on their part of its gradient.
    const std::vector<layers::Parameter*> own = encoder_.parameters();
    if (tied_ && std::any_of(own.begin(), own.end(),
                             [](const layers::Parameter* p) { return p->matrix() && !p->frozen; }))
        decoder_.train_all();
}

std::uint64_t Autoencoder::bytes() const {
    std::uint64_t floats = 0;
    for (layers::Parameter* parameter : parameters()) {
        floats += parameter->stored() + parameter->transposed_stored();
        for (int which = 0; which < 2; ++which)
            if (parameter->state(which)) floats += parameter->stored();
    }
    return floats * sizeof(float);
}

// One loop over the tasks of all layers. Threads begin with equal stretches of a loop: each gets
// the same share of every layer, so that it meets the weights that it multiplied with.
void Autoencoder::update_together(const Loop& loop, const layers::UpdateRule& rule) {
    parts_.clear();
    encoder_.plan_update(parts_);
    decoder_.plan_update(parts_);
    slices_.clear();
    std::size_t end = 0;
    for (std::size_t thread = 0; thread < loop.threads(); ++thread)
        for (const Stack::UpdatePart& part : parts_) {
            const std::size_t first = part.tasks * thread / loop.threads();
            const std::size_t last = part.tasks * (thread + 1) / loop.threads();
            if (first < last) slices_.push_back({&part, first, end += last - first});
        }
    if (end > 0)
        loop.each(end, [&](std::size_t task) {
            const auto slice = std::upper_bound(
                slices_.begin(), slices_.end(), task,
                [](std::size_t at, const UpdateSlice& other) { return at < other.end; });
            const std::size_t before = slice == slices_.begin() ? 0 : std::prev(slice)->end;
            slice->part->layer->update_task(slice->first + task - before, slice->part->traces,
                                            rule);
        });
    for (const Stack::UpdatePart& part : parts_) part.layer->update(loop, part.traces, rule);
}

double Autoencoder::update(const Loop& loop, const layers::UpdateRule& rule, double max_norm) {
    encoder_.prepare_update();
    decoder_.prepare_update();
    double norm = 0;
    if (max_norm > 0) {
        const Measure measure(parameters());
        update_together(loop, measure);
        norm = measure.norm();
    }
    if (norm > max_norm) {  // never without clipping: then both are 0
        const Scaled scaled(rule, static_cast<float>(max_norm / norm));
        update_together(loop, scaled);
    } else if (ranks_ != nullptr && max_norm <= 0) {
        encoder_.update_over_ranks(loop, rule);
        decoder_.update_over_ranks(loop, rule);
    } else {
        update_together(loop, rule);
    }
    encoder_.forget();
    decoder_.forget();
    return norm;
}

void Autoencoder::make_states(int count, layers::Precision precision) {
    std::uint32_t place = 0;
    for (layers::Parameter* parameter : parameters()) {
        parameter->make_states(count, precision);
        parameter->place = place++;
    }
}

std::vector<layers::Parameter*> Autoencoder::parameters() const {
    std::vector<layers::Parameter*> all = encoder_.parameters();
    for (layers::Parameter* parameter : decoder_.parameters()) all.push_back(parameter);
    return all;
}

std::vector<std::string> Autoencoder::parameter_names() const {
    std::vector<std::string> names = encoder_.parameter_names("encoder");
    for (std::string& name : decoder_.parameter_names("decoder")) names.push_back(std::move(name));
    return names;
}

std::vector<NamedValues> Autoencoder::weights(int which) const {
    std::vector<NamedValues> out;
    const std::vector<std::string> names = parameter_names();
    const std::vector<layers::Parameter*> all = parameters();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (which < 0 || all[i]->has_state(which))
            out.push_back({names[i], all[i]->shape(), all[i]->values(which)});
    return out;
}

void Autoencoder::set_weights(std::span<const NamedValues> values, int which,
                              std::string_view part) {
    const std::vector<std::string> names = parameter_names();
    const std::vector<layers::Parameter*> all = parameters();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if ((which >= 0 && !all[i]->has_state(which)) || !names[i].starts_with(part)) continue;
        const NamedValues* found = nullptr;
        for (const NamedValues& candidate : values)
            if (candidate.name == names[i]) found = &candidate;
        if (found == nullptr)
            throw Error(Fault::input, "the file has no values for " + names[i],
                        "it belongs to a model of another architecture");
        if (!(found->shape == all[i]->shape()))
            throw Error(Fault::input,
                        names[i] + " has shape " + to_string(found->shape) +
                            " in the file but the model needs " + to_string(all[i]->shape()),
                        "it belongs to a model of another architecture");
        all[i]->set_values({found->values.data(), found->values.size()}, which);
    }
}

std::uint64_t Autoencoder::parameter_count() const {
    std::uint64_t count = 0;
    for (const layers::Parameter* parameter : parameters())
        if (parameter->trained) count += parameter->count();
    return count;
}

bool Autoencoder::weights_finite(std::string& which) const {
    const std::vector<std::string> names = parameter_names();
    const std::vector<layers::Parameter*> all = parameters();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!simd::kernels().all_finite(all[i]->data(), all[i]->stored())) {
            which = names[i];
            return false;
        }
    return true;
}

// Every part goes in with its length, so that no two models give the same bytes.
std::string Autoencoder::sha256() const {
    Digest digest;
    digest.text(architecture_);
    const Scaling none;
    const Scaling& scaling = scaling_ ? *scaling_ : none;
    digest.text(scaling.kind);
    digest.values(scaling.shift);
    digest.values(scaling.factor);
    for (const NamedValues& weight : weights()) {
        digest.text(weight.name);
        digest.values({weight.values.data(), weight.values.size()});
    }
    return digest.hex();
}

}  // namespace narrows::model
