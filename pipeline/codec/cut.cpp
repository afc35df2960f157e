#include "pipeline/codec/cut.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/storage/array_rows.hpp"

namespace narrows::codec {

using storage::ArrayInfo;

namespace {

constexpr std::size_t chunk_goal = 4u << 20, largest_chunk = 64u << 20, most_chunks = 4096;

}  // namespace

bool is_packed(const ArrayInfo& info) {
    return info.numeric && info.shape.rank() > 0 && info.shape.elements() > 0 &&
           info.path != "/rows_done" && info.path != "/complete";
}

std::int64_t chunk_rows_of(const ArrayInfo& info, const Job& job) {
    const std::size_t row = storage::row_bytes_of(info);
    const auto rows = static_cast<std::size_t>(storage::stored_rows(info));
    if (row > largest_chunk)
        throw Error(Fault::usage,
                    fmt::format("{}: a row has {} bytes, chunks hold at most {}", info.path, row,
                                largest_chunk),
                    "store the data with more, smaller rows");
    std::size_t wanted = job.chunk_rows > 0 ? static_cast<std::size_t>(job.chunk_rows)
                                            : std::max<std::size_t>(1, chunk_goal / row);
    wanted = std::max(wanted, (rows + most_chunks - 1) / most_chunks);
    wanted = std::min({wanted, rows, largest_chunk / row});
    if ((rows + wanted - 1) / wanted > 8192)
        throw Error(Fault::usage,
                    fmt::format("{} needs {} chunks, files hold at most 8192", info.path,
                                (rows + wanted - 1) / wanted),
                    "compress it in parts: FILE:/NAME@A:B");
    return static_cast<std::int64_t>(wanted);
}

std::optional<Cut> cut_of(const std::vector<Input>& inputs, const Job& job) {
    if (!job.part) return std::nullopt;
    const Input* largest = nullptr;
    const auto bytes = [](const Input& input) {
        return static_cast<std::size_t>(storage::stored_rows(input.info)) *
               storage::row_bytes_of(input.info);
    };
    for (const Input& input : inputs)
        if (is_packed(input.info) && (largest == nullptr || bytes(input) > bytes(*largest)))
            largest = &input;
    if (largest == nullptr)
        throw Error(Fault::usage, "there are no rows to cut into parts", "leave --part out");
    Cut cut{*job.part, storage::stored_rows(largest->info), chunk_rows_of(largest->info, job), 0,
            0};
    const std::int64_t chunks = (cut.all + cut.chunk_rows - 1) / cut.chunk_rows;
    if (chunks < cut.part.count)
        throw Error(
            Fault::usage,
            fmt::format("{}: {} rows are {} chunks of {}: too few for {} parts", largest->info.path,
                        cut.all, chunks, cut.chunk_rows, cut.part.count),
            "make fewer parts, or smaller chunks: --chunk-rows, the same for every part");
    const storage::PartRows own = storage::rows_of(cut.part, chunks);
    cut.first = own.first * cut.chunk_rows;
    cut.last = std::min(cut.all, own.last * cut.chunk_rows);
    return cut;
}

namespace {

storage::ExactAttribute integer(const std::string& name, std::int64_t value) {
    storage::ExactAttribute out;
    out.name = name;
    out.type.number = Numeric::i64;
    for (int byte = 0; byte < 8; ++byte)
        out.values.push_back(static_cast<std::byte>(value >> (8 * byte)));
    return out;
}

}  // namespace

storage::FileBeside beside_part(storage::FileBeside beside, const Cut& cut) {
    for (const storage::ExactAttribute& one : beside.attributes)
        if (one.name == "part" || one.name == "first_row")
            throw Error(Fault::usage, "the data are a part already: \"" + one.name + "\" is there",
                        "join the parts first, or compress each by itself without --part");
    beside.attributes.push_back(integer("part", cut.part.number));
    beside.attributes.push_back(integer("parts", cut.part.count));
    beside.attributes.push_back(integer("first_row", cut.first));
    beside.attributes.push_back(integer("all_rows", cut.all));
    beside.attributes.push_back(integer(std::string(storage::part_rows), cut.last - cut.first));
    if (cut.part.number > 1) beside.links.clear();
    return beside;
}

}  // namespace narrows::codec
