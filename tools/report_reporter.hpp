// One report being measured: what its parts share. The parts of text and charts are in
// report_measure.cpp, the pictures in report_pictures.cpp.
#pragma once

#include <fmt/format.h>

#include "tools/report_files.hpp"
#include "tools/report_measure.hpp"

namespace narrows::tools {

class Reporter {
public:
    struct Stopped {};  // thrown after Ctrl-C

    Reporter(const Common& common, const recipes::Session& session, const ReportOptions& options);
    Measured measure(const language::Pipeline& evaluation);

private:
    flow::Result run(const language::Pipeline& pipeline, std::vector<std::string>* words = nullptr);
    flow::Result run(const std::string& text) { return run(session_.parse(text, "report")); }
    // A part whose verb refuses the model or the data is left out, and the page says why.
    template <class Body>
    void part(std::vector<Picture>& list, const std::string& title, Body body) {
        try {
            list.push_back(body());
        } catch (const Error& error) {
            list.push_back({title, fmt::format("Left out: {}.", error.what()), {}});
        }
    }
    void take_labels();
    std::string label_text(std::int64_t label) const;
    std::string part_of_data(const std::string& name, const std::vector<std::int64_t>& rows) const;
    std::string targets_of(const std::vector<std::int64_t>& rows) const;
    recipes::Source plain_source(const std::string& file) const;
    recipes::StreamOptions stream(const std::string& output) const;
    void describe(const language::Pipeline& evaluation);
    void training();
    void score();
    void reconstructions();
    std::int64_t row_of(std::size_t sample) const;
    // What the picture's axes and colours stand for, where a reader cannot know.
    static std::string axes_of(const flow::Result& drawn);
    static std::string drawn_as(const flow::Result& drawn);
    bool drawn_as_curves() const;
    recipes::PictureOptions picture(std::int64_t count, std::int64_t columns) const;
    Picture units();
    Picture samples();
    Picture ways();
    // For the map and for mixtures.
    std::string subset();
    void map();
    void probe();
    void times(const language::Pipeline& evaluation);

    const Common& common_;
    const recipes::Session& session_;
    const ReportOptions& o_;
    const ScratchFolder scratch_;
    std::shared_ptr<const datasets::Dataset> data_;
    std::vector<std::int64_t> labels_;
    std::vector<std::string> names_;
    std::vector<double> targets_;  // instead of labels: numbers with fractions
    std::string config_, subset_;
    std::vector<float> scores_;
    std::vector<std::int64_t> rows_;
    Measured measured_;
};

}  // namespace narrows::tools
