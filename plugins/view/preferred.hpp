// view.preferred: what each unit responds to in data: the mean of the samples that excite it most.
#pragma once

#include "plugins/view/picture_sink.hpp"

namespace narrows::plugins {

class ViewPreferred final : public PictureSink {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    struct Kept {
        float activity = 0;
        std::vector<float> sample;
    };
    struct Unit {
        std::vector<Kept> kept;  // the most active first; of equals the earlier
        float low = 0, high = 0;
        bool seen = false;
    };
    void meet(Unit& unit, float activity, const float* sample) const;

    std::int64_t count_ = 0, samples_ = 0;
    std::size_t features_ = 0, channels_ = 0;  // values of a sample; of a position of z
    std::vector<Unit> units_;
};

}  // namespace narrows::plugins
