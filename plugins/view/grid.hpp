// view.grid: the first samples that flow, as one picture; with a second input each above its pair.
#pragma once

#include "plugins/view/picture_sink.hpp"

namespace narrows::plugins {

class ViewGrid final : public PictureSink {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    std::int64_t count_ = 0;
    bool paired_ = false;
    std::vector<float> x_, below_;
};

}  // namespace narrows::plugins
