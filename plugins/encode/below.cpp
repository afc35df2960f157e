#include "plugins/encode/below.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

namespace narrows::plugins {
namespace {

constexpr std::uint64_t most_memory = 256u << 20;

int unnamed_file() {
    std::string name = (std::filesystem::temp_directory_path() / "narrows-XXXXXX").string();
    const int file = ::mkstemp(name.data());
    if (file >= 0) ::unlink(name.c_str());
    return file;
}

}  // namespace

void EncodeBelow::describe(Schema& schema) {
    schema.summary("What the first layers of an encoder give, computed once a sample and kept.")
        .threads(Threads::parallel)
        .binds_model()
        .in("x", "f32[batch, ...]", "samples")
        .out("z", "f32[batch, ...]",
             "output of the last of those layers; they are not trained by it")
        .integer<&EncodeBelow::layers_>("layers", 0, 0, 1 << 20, "how many; 0: x itself", "layers");
}

EncodeBelow::~EncodeBelow() {
    if (file_ >= 0) ::close(file_);
}

void EncodeBelow::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    const Shape shape = context.shape("x");
    model.configure(shape.sample());
    const auto size = static_cast<std::int64_t>(model.encoder().size());
    if (layers_ > size)
        context.fail("layers = " + std::to_string(layers_) + ", but the encoder has " +
                     std::to_string(size));
    const Shape out = model.encoder().input_of(static_cast<std::size_t>(layers_));
    context.set_shape("z", out.with_batch(shape[0]));
    features_ = static_cast<std::size_t>(out.elements());
    workspace_ =
        context.reserve(model.encoder().workspace_bytes(static_cast<std::size_t>(shape[0]), false));
    if (layers_ == 0 || context.mode() != Mode::train || context.epochs() < 2) return;
    rows_ = context.samples();
    const std::uint64_t bytes = static_cast<std::uint64_t>(rows_) * features_ * sizeof(float);
    context.hold(static_cast<std::uint64_t>(rows_) + (bytes <= most_memory ? bytes : 0));
}

void EncodeBelow::start(RunContext&) {
    if (rows_ == 0) return;
    const std::size_t count = static_cast<std::size_t>(rows_) * features_;
    if (count * sizeof(float) <= most_memory)
        memory_ = layers::Floats(count);
    else if ((file_ = unnamed_file()) < 0)
        throw Error(Fault::run,
                    std::string("cannot make a temporary file: ") + std::strerror(errno),
                    "set TMPDIR to a folder with " + std::to_string(count * sizeof(float) >> 20) +
                        " MiB free");
    kept_.assign(static_cast<std::size_t>(rows_), 0);
}

bool EncodeBelow::all_kept(std::span<const std::int64_t> ids) const {
    return std::all_of(ids.begin(), ids.end(), [&](std::int64_t id) {
        return id >= 0 && static_cast<std::size_t>(id) < kept_.size() &&
               kept_[static_cast<std::size_t>(id)];
    });
}

void EncodeBelow::keep(std::int64_t id, const float* values) {
    const auto row = static_cast<std::size_t>(id);
    if (id < 0 || row >= kept_.size()) return;
    const std::size_t bytes = features_ * sizeof(float);
    if (file_ < 0)
        std::copy_n(values, features_, memory_.data() + row * features_);
    else if (::pwrite(file_, values, bytes, static_cast<off_t>(row * bytes)) !=
             static_cast<ssize_t>(bytes))
        return;
    kept_[row] = 1;
}

void EncodeBelow::take(std::int64_t id, float* values) const {
    const auto row = static_cast<std::size_t>(id);
    const std::size_t bytes = features_ * sizeof(float);
    if (file_ < 0)
        std::copy_n(memory_.data() + row * features_, features_, values);
    else if (::pread(file_, values, bytes, static_cast<off_t>(row * bytes)) !=
             static_cast<ssize_t>(bytes))
        throw Error(Fault::run,
                    std::string("cannot read a temporary file: ") + std::strerror(errno));
}

void EncodeBelow::process(Context& context) {
    const Tensor<float> z = context.out("z");
    if (z.data == nullptr) return;
    const std::span<const std::int64_t> ids = context.sample_ids();
    if (!kept_.empty() && all_kept(ids)) {
        for (std::size_t row = 0; row < ids.size(); ++row) take(ids[row], z.data + row * features_);
        return;
    }
    layers::Pass pass = pass_of(context);
    pass.phase = Phase::streaming;
    autoencoder(context.model())
        .encoder()
        .forward(pass, context.workspace(workspace_).data(), context.in("x").data, z.data, false,
                 {0, static_cast<std::size_t>(layers_)});
    for (std::size_t row = 0; row < ids.size(); ++row) keep(ids[row], z.data + row * features_);
}

}  // namespace narrows::plugins
