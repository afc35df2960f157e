// Runs a pipeline with the real plugins, in a folder of its own.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "datasets/dataset.hpp"
#include "pipeline/flow/run.hpp"
#include "pipeline/language/language.hpp"
#include "pipeline/registry/registry.hpp"

namespace plugin_test {

using namespace narrows;

inline registry::Registry& plugins() {
    static registry::Registry* registry = [] {
        auto* made = new registry::Registry;
        made->load_folder(std::filesystem::path(NARROWS_BUILD_DIR) / "lib/narrows");
        return made;
    }();
    return *registry;
}

class Work {
public:
    Work() {
        std::string name =
            (std::filesystem::temp_directory_path() / "narrows-plugins-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Work() { std::filesystem::remove_all(path_); }
    std::string file(const std::string& name) const { return (path_ / name).string(); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
    }
    // `body` may say @name for a file of the folder.
    flow::Result run(const std::string& mode, std::string body, std::size_t threads = 2,
                     bool resume = false, const std::atomic<int>* stop = nullptr) const {
        for (std::size_t at = 0; (at = body.find('@', at)) != std::string::npos;) {
            body.replace(at, 1, path_.string() + "/");
            at += path_.string().size();
        }
        const std::string text = "schema = 1\n[run]\nmode = \"" + mode + "\"\n" + body;
        flow::Settings settings;
        settings.threads = threads;
        settings.resume = resume;
        settings.stop = stop;
        return flow::run(language::parse(text, "test.toml", plugins()), plugins(), settings);
    }
    std::vector<float> values(const std::string& name) const {
        const datasets::DataSpec spec = datasets::parse_data(file(name));
        const auto data = datasets::open({&spec, 1});
        std::vector<float> out(static_cast<std::size_t>(data->rows() * data->sample().elements()));
        data->read(0, data->rows(), out.data());
        return out;
    }

private:
    std::filesystem::path path_;
};

}  // namespace plugin_test
