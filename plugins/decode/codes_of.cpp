#include "plugins/decode/codes_of.hpp"

#include <algorithm>
#include <numeric>

#include "pipeline/simd/kernels.hpp"
#include "plugins/load/scaling.hpp"

namespace narrows::plugins {
namespace {

constexpr std::int64_t rows_at_once = 256;

}  // namespace

std::shared_ptr<const datasets::Dataset> open_for(const model::Autoencoder& model,
                                                  const std::string& data) {
    const datasets::DataSpec spec = datasets::parse_data(data);
    auto opened = datasets::open({&spec, 1});
    if (opened->rows() == 0) throw Error(Fault::input, opened->name() + " has no samples");
    if (opened->sample().elements() != model.input_shape().elements())
        throw Error(Fault::input,
                    opened->name() + " has samples of shape " + to_string(opened->sample()) +
                        ", the model takes " + to_string(model.input_shape()),
                    "use the data that the model was made for");
    if (model.scaling()) check_fits(*model.scaling(), *opened);
    return opened;
}

layers::Floats codes_of(const model::Autoencoder& model, const datasets::Dataset& data,
                        RandomKey key, const Loop& loop) {
    const model::Stack& encoder = model.encoder();
    const auto features = static_cast<std::size_t>(model.input_shape().elements());
    const auto given = static_cast<std::size_t>(encoder.output().elements());
    const auto code = static_cast<std::size_t>(model.code_shape().elements());
    const auto most = static_cast<std::size_t>(rows_at_once);
    layers::Floats codes(static_cast<std::size_t>(data.rows()) * code), x(most * features),
        z(most * given), workspace(encoder.workspace_bytes(most, false) / sizeof(float) + 16);
    std::vector<std::int64_t> ids(most);
    for (std::int64_t first = 0; first < data.rows(); first += rows_at_once) {
        const auto rows = static_cast<std::size_t>(std::min(rows_at_once, data.rows() - first));
        data.read(first, static_cast<std::int64_t>(rows), x.data());
        for (std::size_t row = 0; row < rows; ++row)
            if (!simd::kernels().all_finite(x.data() + row * features, features))
                throw Error(Fault::input,
                            "row " + std::to_string(first + static_cast<std::int64_t>(row)) +
                                " of " + data.name() + " holds NaN or Inf",
                            "leave such rows out");
        if (model.scaling()) apply_scaling(*model.scaling(), x.data(), features, rows);
        std::iota(ids.begin(), ids.end(), first);
        layers::Pass pass;
        pass.loop = &loop;
        pass.key = key;
        pass.rows = rows;
        pass.sample_ids = {ids.data(), rows};
        encoder.forward(pass, reinterpret_cast<std::byte*>(workspace.data()), x.data(), z.data());
        for (std::size_t row = 0; row < rows; ++row)
            std::copy_n(z.data() + row * given, code,
                        codes.data() + (static_cast<std::size_t>(first) + row) * code);
    }
    return codes;
}

}  // namespace narrows::plugins
