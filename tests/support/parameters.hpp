// The parameters of a type as it describes them, in their order.
#pragma once

#include <vector>

#include "pipeline/node.hpp"

namespace narrows::test {

class Parameters final : public Schema {
public:
    Schema& summary(std::string_view) override { return *this; }
    Schema& threads(Threads) override { return *this; }
    Schema& source() override { return *this; }
    Schema& binds_model(Need) override { return *this; }
    Schema& updates_model() override { return *this; }
    Schema& in(std::string_view, std::string_view, std::string_view, Need) override {
        return *this;
    }
    Schema& out(std::string_view, std::string_view, std::string_view) override { return *this; }
    Schema& main(std::string_view) override { return *this; }
    Schema& parameter(const Parameter& parameter) override {
        all.push_back(parameter);
        return *this;
    }
    const Parameter* find(std::string_view name) const {
        for (const Parameter& parameter : all)
            if (parameter.name == name) return &parameter;
        return nullptr;
    }
    std::vector<Parameter> all;
};

}  // namespace narrows::test
