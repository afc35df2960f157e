#include "pipeline/storage/join_packed.hpp"

#include <algorithm>

#include "pipeline/storage/compressed_writer.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/source.hpp"

namespace narrows::storage {

namespace {

constexpr std::size_t plain_at_once = 1u << 30;

// Chunks of one dataset of a part, as they stand in its file.
class StoredChunks {
public:
    StoredChunks(const std::filesystem::path& path, const std::string& dataset)
        : path_(path), file_(open_to_read(path)) {
        layout_ = probe_source(path, file_.number())->layout(dataset);
        check_layout(layout_, file_bytes(file_.number(), path), path);
        if (layout_.kind != ArrayLayout::Kind::chunks ||
            layout_.filters != std::vector<Filter>{Filter::codec} ||
            !std::equal(layout_.info.chunk.begin() + 1, layout_.info.chunk.end(),
                        layout_.info.shape.begin() + 1))
            throw Error(Fault::input, in_quotes(path) + ": " + dataset + " is not compressed",
                        "make this part again");
    }
    std::int64_t chunk_rows() const { return layout_.info.chunk[0]; }
    std::size_t chunks() const { return layout_.chunks.size(); }

    void copy_to(CompressedWriter& out, std::int64_t first_row) const {
        std::vector<std::byte> stored;
        for (const ChunkPlace& place : layout_.chunks) {
            if (place.bytes == 0 || place.mask != 0)
                throw Error(Fault::input,
                            in_quotes(path_) + " is damaged: a chunk of " + layout_.info.path +
                                " is missing",
                            "make this part again");
            stored.resize(place.bytes);
            read_at(file_.number(), stored.data(), stored.size(), place.address, path_);
            out.chunk(first_row, stored);
            first_row += chunk_rows();
        }
    }

private:
    std::filesystem::path path_;
    Descriptor file_;
    ArrayLayout layout_;
};

void copy_chunks(const std::vector<OpenedPart>& parts, const ArrayInfo& array,
                 CompressedWriter& out) {
    const bool in_all = goes_on(*find_array(parts[0].info, array.path), parts);
    const StoredChunks first(parts[0].path, array.path);
    PackedLayout layout;
    layout.path = array.path;
    layout.type = array.type;
    layout.shape = array.shape;
    layout.chunk_rows = first.chunk_rows();
    if (const std::string* model = text_attribute(array.attributes, "narrows_model"))
        layout.model = *model;
    layout.beside = array.beside;
    out.begin(layout);
    first.copy_to(out, 0);
    for (std::size_t i = 1; in_all && i < parts.size(); ++i) {
        const StoredChunks next(parts[i].path, array.path);
        const std::int64_t rows = next.chunk_rows(), wanted = first.chunk_rows();
        // The run's last chunk may be cut short.
        const bool last = i + 1 == parts.size() && next.chunks() == 1 && rows < wanted;
        if (rows != wanted && !last)
            throw Error(Fault::input,
                        in_quotes(parts[i].path) + " is of another run than " +
                            in_quotes(parts[0].path) + ": its chunks of " + array.path + " have " +
                            std::to_string(rows) + " rows, not " + std::to_string(wanted),
                        "join the parts of one run, made with the same options but --part");
        next.copy_to(out, parts[i].first_row);
    }
}

void copy_plain(const std::vector<OpenedPart>& parts, const ArrayInfo& array,
                CompressedWriter& out) {
    std::vector<std::byte> values;
    const bool in_all = goes_on(*find_array(parts[0].info, array.path), parts);
    for (const OpenedPart& part : parts) {
        const ArrayInfo& info = *find_array(part.info, array.path);
        const auto reader = open_as(ArrayFile(part.path), info);
        const std::int64_t rows = info.shape.rank() == 0 ? 1 : info.shape[0];
        const std::size_t bytes =
            info.value_bytes * static_cast<std::size_t>(info.shape.elements());
        if (values.size() + bytes > plain_at_once)
            throw Error(Fault::usage, array.path + " is too large to be carried over",
                        "name the datasets to compress");
        values.resize(values.size() + bytes);
        if (bytes > 0) reader->read(0, rows, values.data() + values.size() - bytes);
        if (!in_all) break;
    }
    out.put(array, values);
}

}  // namespace

bool goes_on(const ArrayInfo& array, const std::vector<OpenedPart>& parts) {
    const std::int64_t rows = parts.size() > 1 ? parts[1].first_row : parts[0].all_rows;
    return array.numeric && array.shape.rank() > 0 && array.shape[0] == rows &&
           (parts.size() == 1 || find_array(parts[1].info, array.path) != nullptr);
}

void check_packed_rows(const std::vector<OpenedPart>& parts) {
    const auto refuse = [](const OpenedPart& part, const std::string& what) {
        throw Error(Fault::input, in_quotes(part.path) + " " + what,
                    "join the parts of one run, made with the same options but --part");
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const OpenedPart& part = parts[i];
        const std::int64_t end = i + 1 < parts.size() ? parts[i + 1].first_row : part.all_rows;
        if ((i == 0 && part.first_row != 0) || end <= part.first_row)
            refuse(part, "does not begin where the part before it ends");
        for (const ArrayInfo& array : parts[0].info.arrays) {
            if (!goes_on(array, parts)) continue;
            const ArrayInfo* own = find_array(part.info, array.path);
            if (own == nullptr) refuse(part, "has no " + array.path);
            if (own->shape.rank() == 0 || own->shape[0] != end - part.first_row)
                refuse(part, "does not hold its rows " + std::to_string(part.first_row) + " to " +
                                 std::to_string(end) + " in " + array.path);
            if (!(own->shape.sample() == array.shape.sample()) || own->type != array.type ||
                own->attributes != array.attributes)
                refuse(part, "is of another run than " + in_quotes(parts[0].path) + ": " +
                                 array.path + " has another shape, type, bound or model");
        }
        for (const ArrayInfo& array : part.info.arrays) {
            const ArrayInfo* first = find_array(parts[0].info, array.path);
            if (first == nullptr) refuse(part, "has " + array.path + ", the first part has not");
            // Else its rows would be left out.
            if (i > 0 && !array.path.starts_with("/.models/") && !goes_on(*first, parts))
                refuse(part, "does not begin where the part before it ends");
        }
    }
}

void copy_packed(const std::vector<OpenedPart>& parts, const FileInfo& info,
                 const std::filesystem::path& to) {
    CompressedWriter out(to, {}, info.beside);
    for (const ArrayInfo& array : info.arrays)
        if (array.filters == "narrows")
            copy_chunks(parts, array, out);
        else
            copy_plain(parts, array, out);
    out.commit();
}

}  // namespace narrows::storage
