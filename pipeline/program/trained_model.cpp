#include <algorithm>

#include "pipeline/model/scaling.hpp"
#include "pipeline/narrows.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows {
namespace {

using Rows = xt::xtensor<float, 2>;
constexpr std::size_t rows_at_once = 256;

void require_width(const Rows& values, std::size_t expected, const char* what) {
    if (values.shape(1) == expected) return;
    throw Error(Fault::usage, std::string(what) + " have " + std::to_string(values.shape(1)) +
                                  " values a row, the model takes " + std::to_string(expected));
}

// x [rows, in] -> y [rows, out] in runs of rows_at_once; the runs' memory is this call's own.
// `after` works on what a run gave.
template <class Before, class After>
void run(const model::Stack& stack, const Rows& x, std::size_t width, Before before, After after) {
    const SerialLoop loop;
    layers::Floats workspace(stack.workspace_bytes(rows_at_once, false) / sizeof(float) + 16);
    layers::Floats in(rows_at_once * x.shape(1)), out(rows_at_once * width);
    std::vector<std::int64_t> ids(rows_at_once);
    for (std::size_t first = 0; first < x.shape(0); first += rows_at_once) {
        layers::Pass pass;
        pass.loop = &loop;
        pass.rows = std::min(rows_at_once, x.shape(0) - first);
        for (std::size_t i = 0; i < pass.rows; ++i) ids[i] = static_cast<std::int64_t>(first + i);
        pass.sample_ids = {ids.data(), pass.rows};
        std::copy_n(x.data() + first * x.shape(1), pass.rows * x.shape(1), in.data());
        before(in.data(), pass.rows);
        stack.forward(pass, reinterpret_cast<std::byte*>(workspace.data()), in.data(), out.data());
        after(out.data(), first, pass.rows);
    }
}

}  // namespace

struct TrainedModel::Impl {
    model::Autoencoder model;
};

TrainedModel::TrainedModel(const std::string& file, const Runner& runner)
    : impl_(std::make_unique<Impl>()) {
    ModelSpec spec;
    spec.name = "model";
    spec.file = file;
    impl_->model.build(spec, runner.session().registry(), 1);
}
TrainedModel::~TrainedModel() = default;
TrainedModel::TrainedModel(TrainedModel&&) noexcept = default;
TrainedModel& TrainedModel::operator=(TrainedModel&&) noexcept = default;

std::size_t TrainedModel::features() const {
    return static_cast<std::size_t>(impl_->model.input_shape().elements());
}
std::size_t TrainedModel::code_size() const {
    return static_cast<std::size_t>(impl_->model.code_shape().elements());
}
std::string TrainedModel::sha256() const {
    return impl_->model.sha256();
}

Rows TrainedModel::encode(const Rows& samples) const {
    require_width(samples, features(), "samples");
    const model::Autoencoder& model = impl_->model;
    const std::size_t width = static_cast<std::size_t>(model.encoder().output().elements());
    Rows codes = Rows::from_shape({samples.shape(0), code_size()});
    const auto scale = [&](float* values, std::size_t rows) {
        if (!model.scaling() || model.scaling()->factor.empty()) return;
        const model::Scaling& s = *model.scaling();
        const bool one = s.factor.size() == 1;
        simd::kernels().affine(values, s.shift.data(), s.factor.data(), one ? 1 : features(),
                               one ? rows * features() : rows, values);
    };
    // A gaussian latent: means, then log-variances.
    run(model.encoder(), samples, width, scale,
        [&](const float* z, std::size_t first, std::size_t rows) {
            for (std::size_t row = 0; row < rows; ++row)
                std::copy_n(z + row * width, code_size(),
                            codes.data() + (first + row) * code_size());
        });
    return codes;
}

Rows TrainedModel::decode(const Rows& codes) const {
    require_width(codes, code_size(), "codes");
    const model::Autoencoder& model = impl_->model;
    if (model.decoder().size() == 0)
        throw Error(Fault::usage, "the model has no decoder", "it encodes; samples it cannot give");
    const std::size_t width = static_cast<std::size_t>(model.decoder().output().elements());
    if (!model.classes().empty())
        throw Error(Fault::usage, "the model is a classifier: it decodes no samples");
    Rows samples = Rows::from_shape({codes.shape(0), features()});
    run(
        model.decoder(), codes, width, [](float*, std::size_t) {},
        [&](const float* y, std::size_t first, std::size_t rows) {
            for (std::size_t row = 0; row < rows; ++row)
                std::copy_n(y + row * width, features(),
                            samples.data() + (first + row) * features());
        });
    if (model.scaling())
        model::undo_scaling(*model.scaling(), features(), {samples.data(), samples.size()});
    return samples;
}

void save_samples(const std::string& file, const Rows& samples, const Shape& sample) {
    if (static_cast<std::size_t>(sample.elements()) != samples.shape(1))
        throw Error(Fault::usage, "samples have " + std::to_string(samples.shape(1)) +
                                      " values a row, shape " + to_string(sample) + " has " +
                                      std::to_string(sample.elements()));
    storage::DatasetLayout layout;
    layout.sample = sample;
    layout.rows = static_cast<std::int64_t>(samples.shape(0));
    storage::DatasetWriter writer(file, layout);
    writer.append(std::as_bytes(std::span(samples.data(), samples.size())));
    writer.commit();
}

}  // namespace narrows
