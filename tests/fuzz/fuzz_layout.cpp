// What a probe that HDF5 has broken may say of a file: messages, and layouts that are then read.
#include "pipeline/storage/array_reader.hpp"
#include "pipeline/storage/wire.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;
using namespace narrows::storage;

namespace {

constexpr std::size_t data_bytes = 4096;  // of the file, in front of the message

ArrayLayout layout_of(ArrayLayout::Kind kind) {
    ArrayLayout layout;
    layout.info.path = "/x";
    layout.info.type = Numeric::f32;
    layout.info.shape = {10, 6};
    layout.info.value_bytes = layout.value_bytes = 4;
    layout.kind = kind;
    if (kind == ArrayLayout::Kind::contiguous) layout.offset = 100;
    if (kind == ArrayLayout::Kind::chunks) {
        layout.info.chunk = {4, 5};
        layout.info.filters = "shuffle";
        layout.filters = {Filter::shuffle};
        layout.fill.resize(4);
        for (std::uint64_t i = 0; i < 6; ++i)
            layout.chunks.push_back({i * 200, i == 3 ? 0 : 80u, 0});
    }
    return layout;
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    std::vector<std::string> out;
    const auto add = [&](const Message& message, char kind) {
        out.push_back(kind + std::string(reinterpret_cast<const char*>(message.bytes().data()),
                                         message.bytes().size()));
    };
    for (const auto kind : {ArrayLayout::Kind::contiguous, ArrayLayout::Kind::chunks}) {
        Message message;
        message.put(layout_of(kind));
        add(message, 'l');
    }
    FileInfo file;
    file.format = "narrows-dataset";
    file.attributes = {{"a", std::int64_t{3}}, {"b", 0.5}, {"c", std::string("text")}};
    file.arrays = {layout_of(ArrayLayout::Kind::chunks).info};
    Message message;
    message.put(file);
    add(message, 'f');
    return out;
}

void fuzz::run(std::string_view input) {
    if (input.empty()) return;
    const char kind = input[0];
    const auto* const first = reinterpret_cast<const std::byte*>(input.data()) + 1;
    Message message({first, first + input.size() - 1});
    try {
        if (kind == 'f') {
            (void)message.take_file();
            return;
        }
        const ArrayLayout layout = message.take_layout();
        static const std::shared_ptr<const Descriptor> file = [] {
            static const MemoryFile memory;
            memory.put(std::string(data_bytes, '\3'));
            return std::make_shared<const Descriptor>(::dup(memory.number()));
        }();
        check_layout(layout, data_bytes, "x.h5");
        const std::int64_t rows = layout.info.shape.rank() == 0 ? 1 : layout.info.shape[0];
        if (layout.kind == ArrayLayout::Kind::library || layout.kind == ArrayLayout::Kind::parts ||
            layout.row_bytes() > 1u << 20 || rows < 1)
            return;
        const std::int64_t count = std::min<std::int64_t>(
            rows,
            (1 << 20) / std::max<std::int64_t>(1, static_cast<std::int64_t>(layout.row_bytes())));
        std::vector<std::byte> out(static_cast<std::size_t>(count) * layout.row_bytes());
        if (layout.kind == ArrayLayout::Kind::contiguous)
            ContiguousReader("x.h5", layout, file).read(rows - count, count, out.data());
        else
            ChunkedReader("x.h5", layout, file, nullptr).read(rows - count, count, out.data());
    } catch (const Error&) {
    }
}
