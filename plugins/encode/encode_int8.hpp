// encode.int8: x -> z in 8-bit integers, for encoders of dense layers. Scales are fitted when it opens,
// on samples of the stream that are spread over it; bytes of a file go in as they are stored. The
// codes' error against 32-bit floats is a result and an attribute of the codes' file.
#pragma once

#include "pipeline/model/int8_encoder.hpp"
#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class EncodeInt8 final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;

private:
    std::vector<std::int64_t> calibration_rows(std::int64_t samples) const;

    std::int64_t calibration_ = 1024;
    std::optional<model::Int8Encoder> encoder_;
    model::CodeError error_;
    bool stored_ = false;  // samples come as bytes
    std::size_t workspace_ = 0;
};

}  // namespace narrows::plugins
