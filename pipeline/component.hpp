// Whatever is made by name from checked parameters: how a type describes itself, and who makes it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/values.hpp"

namespace narrows {

// ------------------------------------------------------------------------------- parameters

// Anything that has parameters and is made by name: nodes, models, layers, file formats.
class NARROWS_PUBLIC Component {
public:
    Component() = default;
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;
    virtual ~Component();
};

// texts takes one text or a list of them.
enum class ParameterKind : std::uint8_t { integer, number, flag, text, choice, numbers, texts };

struct Value {
    std::int64_t integer = 0;
    double number = 0;
    bool flag = false;
    std::string text;
    std::vector<double> numbers;
    std::vector<std::string> texts;
};

struct Parameter {
    std::string_view name, doc, unit;
    ParameterKind kind = ParameterKind::text;
    Value fallback;
    bool required = false;
    double low = 0, high = 0;  // integer, number: inclusive range
    std::string_view choices;  // choice: "relu|tanh|linear"
    void (*set)(Component&, const Value&) = nullptr;
};

enum class Threads : std::uint8_t {
    serial,    // process() is one call at a time, any order
    ordered,   // one call at a time, in sequence order
    parallel,  // process() may run many times at once on one object
};
enum class Need : std::uint8_t { required, optional, many };  // many: one or more connections

// What a component type is. Filled once per type by its static `describe(Schema&)`; the same text
// feeds checking, `narrows nodes` and the node manual.
//
// Port types: "f32[batch, ...]", "f32[batch]", "i64[batch]", "f32 like x", "scalar" (one double a
// packet), "event" (order only). An input fits an output with the same first word.
class NARROWS_PUBLIC Schema {
public:
    virtual Schema& summary(std::string_view text) = 0;
    virtual Schema& threads(Threads threads) = 0;
    // A source gives the stream its samples: it has no inputs and calls OpenContext::stream.
    virtual Schema& source() = 0;
    // The node has the reserved key `model = "NAME"`, and Context::model() is that model. Optional
    // and left out: the pipeline's model when it has just one, else none.
    virtual Schema& binds_model(Need need = Need::required) = 0;
    // The node changes its model. Before its process() runs, the engine carries the gradient of
    // its scalar inputs (seed 1) back through everything that they were computed from.
    virtual Schema& updates_model() = 0;
    virtual Schema& in(std::string_view port, std::string_view type, std::string_view doc,
                       Need need = Need::required) = 0;
    virtual Schema& out(std::string_view port, std::string_view type, std::string_view doc) = 0;
    virtual Schema& parameter(const Parameter& parameter) = 0;
    // Layers: the parameter that carries the type's own key, `{ dense = 256 }` sets `units`.
    virtual Schema& main(std::string_view parameter) = 0;

    // The helpers bind a member: number<&Gaussian::sigma_>("sigma", 0.1, 0, 10, "...", "...").
    template <auto Member>
    Schema& number(std::string_view name, double fallback, double low, double high,
                   std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::number, {}, false, low, high, {}, {}};
        p.fallback.number = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.number); };
        return parameter(p);
    }
    template <auto Member>
    Schema& integer(std::string_view name, std::int64_t fallback, double low, double high,
                    std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::integer, {}, false, low, high, {}, {}};
        p.fallback.integer = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.integer); };
        return parameter(p);
    }
    template <auto Member>
    Schema& flag(std::string_view name, bool fallback, std::string_view doc) {
        Parameter p{name, doc, {}, ParameterKind::flag, {}, false, 0, 0, {}, {}};
        p.fallback.flag = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.flag); };
        return parameter(p);
    }
    template <auto Member>
    Schema& text(std::string_view name, std::string_view fallback, std::string_view doc,
                 Need need = Need::optional) {
        Parameter p{name, doc, {}, ParameterKind::text, {}, need == Need::required, 0, 0, {}, {}};
        p.fallback.text = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.text); };
        return parameter(p);
    }
    template <auto Member>
    Schema& choice(std::string_view name, std::string_view fallback, std::string_view choices,
                   std::string_view doc) {
        Parameter p{name, doc, {}, ParameterKind::choice, {}, false, 0, 0, choices, {}};
        p.fallback.text = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.text); };
        return parameter(p);
    }
    template <auto Member>  // std::vector<double>
    Schema& numbers(std::string_view name, std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::numbers, {}, false, 0, 0, {}, {}};
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.numbers); };
        return parameter(p);
    }

    template <auto Member>  // std::vector<std::string>
    Schema& texts(std::string_view name, std::string_view doc, Need need = Need::optional) {
        Parameter p{name, doc, {}, ParameterKind::texts, {}, need == Need::required, 0, 0, {}, {}};
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.texts); };
        return parameter(p);
    }

protected:
    virtual ~Schema();

private:
    template <auto M, class V>
    static void assign(Component& component, const V& value) {
        store(component, M, value);
    }
    template <class C, class T, class V>
    static void store(Component& component, T C::*member, const V& value) {
        static_cast<C&>(component).*member = static_cast<T>(value);
    }
};

// A parameter that somebody wrote down, with the place where it stands.
struct Setting {
    std::string name;
    Value value;
    Position position;
    ParameterKind kind = ParameterKind::text;  // of the parameter, where it was read from a file
};

enum class Kind : std::uint8_t { node, model, layer, format };
// "node", "model", "layer", "format".
NARROWS_PUBLIC std::string_view to_string(Kind kind) noexcept;

// Makes components by type name with checked parameters; throws Error with a suggestion.
class NARROWS_PUBLIC Factory {
public:
    virtual ~Factory();
    virtual std::unique_ptr<Component> create(Kind kind, std::string_view type,
                                              std::span<const Setting> settings) const = 0;
    // All parameters of a type in their declared order, those not given with their defaults: what
    // a file stores, so that a later default changes no old file.
    struct Complete {
        std::string name;
        ParameterKind kind;
        Value value;
    };
    virtual std::vector<Complete> complete(Kind kind, std::string_view type,
                                           std::span<const Setting> settings) const = 0;
};

}  // namespace narrows
