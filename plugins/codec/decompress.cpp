#include "plugins/codec/decompress.hpp"

#include <algorithm>

#include "datasets/dataset.hpp"

namespace narrows::plugins {

void Decompress::describe(Schema& schema) {
    schema.summary("Read rows of a file that codec.compress or narrows compress wrote.")
        .threads(Threads::parallel)
        .source()
        .out("x", "f32[batch, ...]", "decoded values, as they are")
        .text<&Decompress::file_>("file", "", "compressed file", Need::required)
        .text<&Decompress::dataset_>("dataset", "/codes", "dataset in it")
        .integer<&Decompress::batch_>("batch", 128, 1, 1 << 24, "samples in a packet", "samples");
}

void Decompress::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("codec.decompress needs mode = \"stream\"");
    const storage::ArrayFile file(file_);
    if (file.look().format != "narrows-compressed")
        context.fail("\"" + file_ + "\" is not a compressed file of narrows",
                     "load reads other files");
    rows_ = file.open(dataset_);
    const storage::ArrayInfo& info = rows_->info();
    if (!info.numeric || info.shape.rank() < 2 || info.shape.elements() == 0)
        context.fail(dataset_ + " of \"" + file_ + "\" is " + to_string(info.shape) +
                     ", samples are needed: numbers, rows first");
    constexpr std::uint64_t no_copy = 0;
    datasets::DataSpec spec;
    spec.file = file_;
    spec.dataset = dataset_;
    ids_ = datasets::open({{spec}}, no_copy, true)->ids();
    context.hold(ids_.size() * sizeof(std::int64_t));
    context.stream(info.shape[0], std::min(batch_, info.shape[0]));
    context.set_shape("x", info.shape.sample().with_batch(context.batch()));
}

void Decompress::process(Context& context) {
    const Context::Place& place = context.place();
    const std::span<std::int64_t> ids = context.sample_ids();
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = place.first + static_cast<std::int64_t>(i);
    if (!ids_.empty())
        for (std::int64_t& id : ids) id = ids_[static_cast<std::size_t>(id)];
    const Tensor<float> x = context.out("x");
    if (x.data != nullptr) rows_->read(place.first, place.count, x.data, false);
}

}  // namespace narrows::plugins
