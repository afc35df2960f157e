// Blocks that nodes keep in a model while it is trained.
#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

std::span<float> Autoencoder::statistic(const std::string& name, std::size_t size, float initial) {
    const auto found = statistics_.try_emplace(name, size, initial).first;
    if (found->second.size() != size)
        throw Error(Fault::usage, "model \"" + name_ + "\": statistic \"" + name + "\" has " +
                                      std::to_string(found->second.size()) + " values, not " +
                                      std::to_string(size));
    return found->second;
}

std::vector<NamedValues> Autoencoder::statistics() const {
    std::vector<NamedValues> out;
    for (const auto& [name, values] : statistics_) {
        NamedValues one{name, Shape{static_cast<std::int64_t>(values.size())}, {}};
        one.values.resize({values.size()});
        std::copy(values.begin(), values.end(), one.values.begin());
        out.push_back(std::move(one));
    }
    return out;
}

void Autoencoder::set_statistics(std::span<const NamedValues> values) {
    for (auto& [name, block] : statistics_) {
        const NamedValues* found = nullptr;
        for (const NamedValues& candidate : values)
            if (candidate.name == name) found = &candidate;
        if (found == nullptr || found->values.size() != block.size())
            throw Error(Fault::input,
                        "the checkpoint has no statistic \"" + name + "\" of " +
                            std::to_string(block.size()) + " values",
                        "it belongs to another run; start again without --resume");
        std::copy(found->values.begin(), found->values.end(), block.begin());
    }
}

}  // namespace narrows::model
