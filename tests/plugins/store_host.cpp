#include "tests/plugins/store_host.hpp"

#include <dlfcn.h>

#include <stdexcept>

#include "tests/support/parameters.hpp"

namespace store_test {

using namespace narrows;

namespace {

const PluginInfo& plugin() {
    static const PluginInfo* const info = [] {
        const std::string file = NARROWS_BUILD_DIR "/lib/narrows/narrows_store.so";
        void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) throw std::runtime_error(::dlerror());
        return reinterpret_cast<const PluginInfo* (*)()>(::dlsym(library, "narrows_plugin"))();
    }();
    return *info;
}

Value value_of(const Parameter& parameter, const Values& values) {
    const auto given = values.find(std::string(parameter.name));
    Value value = parameter.fallback;
    if (given == values.end()) return value;
    if (const auto* text = std::get_if<std::string>(&given->second)) value.text = *text;
    if (const auto* number = std::get_if<std::int64_t>(&given->second)) value.integer = *number;
    if (const auto* flag = std::get_if<bool>(&given->second)) value.flag = *flag;
    if (const auto* texts = std::get_if<std::vector<std::string>>(&given->second))
        value.texts = *texts;
    return value;
}

class Opening final : public OpenContext {
public:
    explicit Opening(Run& run) : run_(run) {}
    Mode mode() const override { return run_.mode; }
    std::string_view id() const override { return "node"; }
    RandomKey key() const override { return {}; }
    bool connected(std::string_view port) const override {
        return run_.shapes.contains(std::string(port));
    }
    Shape shape(std::string_view port) const override { return run_.shapes.at(std::string(port)); }
    void set_shape(std::string_view, const Shape&, Type) override {}
    void stream(std::int64_t, std::int64_t, std::int64_t) override {}
    std::int64_t batch() const override { return 0; }
    std::int64_t samples() const override { return run_.samples; }
    std::uint64_t total_steps() const override { return 0; }
    std::uint32_t epochs() const override { return 0; }
    bool prefer(std::string_view, std::string_view) override { return false; }
    bool peek(std::string_view, std::span<const std::int64_t>, void*) override { return false; }
    void disable(std::string_view) override {}
    std::size_t reserve(std::size_t) override { return 0; }
    void hold(std::uint64_t) override {}
    Model* model() const override { return run_.model; }
    Model* downstream_model() const override { return nullptr; }
    std::string_view pipeline_text() const override { return run_.pipeline; }
    void warn(const std::string&) override {}

private:
    Run& run_;
};

class Running final : public RunContext {
public:
    explicit Running(Run& run) : run_(run) {}
    Mode mode() const override { return run_.mode; }
    std::string_view id() const override { return "node"; }
    RandomKey key() const override { return {}; }
    Model* model() const override { return run_.model; }
    const Loop& loop() const override { return loop_; }
    std::int64_t samples() const override { return run_.samples; }
    Shape shape(std::string_view port) const override { return run_.shapes.at(std::string(port)); }
    Progress& progress() override { return run_.progress; }
    bool is_best() const override { return run_.best; }
    bool resuming() const override { return run_.resuming; }
    bool last_stage() const override { return true; }
    bool no_clobber() const override { return run_.no_clobber; }
    std::string_view pipeline_text() const override { return run_.pipeline; }
    void result(std::string_view name, double value) override {
        run_.numbers[std::string(name)] = value;
    }
    void result(std::string_view name, std::string_view text) override {
        run_.texts[std::string(name)] = text;
    }
    void result(std::string_view, std::span<const double>) override {}
    void warn(const std::string&) override {}
    double epoch_mean(std::string_view, Phase) const override { return 0; }
    bool stopping() const override { return false; }

private:
    Run& run_;
    SerialLoop loop_;
};

class Processing final : public Context {
public:
    Processing(Run& run, const Packet& packet) : run_(run), packet_(packet), ids_(packet.ids) {}
    const Place& place() const override { return packet_.place; }
    std::string_view id() const override { return "node"; }
    RandomKey key() const override { return {}; }
    std::span<std::int64_t> sample_ids() override { return ids_; }
    bool wanted(std::string_view) const override { return true; }
    bool connected(std::string_view port) const override {
        return run_.shapes.contains(std::string(port));
    }
    double scalar(std::string_view) override { return 0; }
    void set_scalar(std::string_view, double) override {}
    Tensor<const float> gradient_of(std::string_view) override { return {}; }
    double scalar_gradient(std::string_view) override { return 0; }
    Tensor<float> gradient_for(std::string_view) override { return {}; }
    Tensor<float> take_gradient_of(std::string_view) override { return {}; }
    std::span<std::byte> workspace(std::size_t) override { return {}; }
    Model* model() const override { return run_.model; }
    const Loop& loop() const override { return loop_; }
    const Progress& progress() const override { return packet_.progress; }
    void metric(std::string_view, double, double) override {}
    void drop() override {}
    bool stopping() const override { return false; }

private:
    const void* input(std::string_view port, Type, Shape& shape) override {
        shape = run_.shapes.at(std::string(port)).sample().with_batch(packet_.place.count);
        return packet_.inputs.at(std::string(port));
    }
    void* output(std::string_view, Type, Shape&) override { return nullptr; }

    Run& run_;
    const Packet& packet_;
    std::vector<std::int64_t> ids_;
    SerialLoop loop_;
};

}  // namespace

std::unique_ptr<Node> make_node(const std::string& type, const Values& values) {
    for (std::size_t i = 0; i < plugin().entry_count; ++i) {
        const Entry& entry = plugin().entries[i];
        if (entry.type != type) continue;
        test::Parameters parameters;
        entry.describe(parameters);
        std::unique_ptr<Component> made = entry.create();
        for (const Parameter& parameter : parameters.all)
            parameter.set(*made, value_of(parameter, values));
        return std::unique_ptr<Node>(static_cast<Node*>(made.release()));
    }
    throw std::runtime_error("no node type " + type);
}

void open(Node& node, Run& run) {
    Opening context(run);
    node.open(context);
}
bool restore(Node& node, Run& run) {
    Running context(run);
    return node.restore(context);
}
void start(Node& node, Run& run) {
    Running context(run);
    node.start(context);
}
void process(Node& node, Run& run, const Packet& packet) {
    Processing context(run, packet);
    node.process(context);
}
void epoch_end(Node& node, Run& run) {
    Running context(run);
    node.epoch_end(context);
}
void finish(Node& node, Run& run) {
    Running context(run);
    node.finish(context);
}
void stopped(Node& node, Run& run) {
    Running context(run);
    node.stopped(context);
}
void abandon(Node& node, Run& run) {
    Running context(run);
    node.abandon(context);
}

}  // namespace store_test
