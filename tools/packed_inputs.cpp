#include "tools/packed_inputs.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "tools/data_facts.hpp"

namespace narrows::tools {
namespace {

using datasets::DataSpec;
using storage::ArrayInfo;

bool is_hdf5_file(const DataSpec& spec) {
    std::error_code ignored;
    return (spec.format.empty() || spec.format == "hdf5") &&
           std::filesystem::is_regular_file(spec.file, ignored) && storage::is_hdf5(spec.file);
}

// Rows of one dataset, or of several behind each other.
struct Part {
    std::shared_ptr<storage::ArrayReader> reader;
    std::int64_t first = 0, count = 0;
};

codec::Input joined(ArrayInfo info, std::vector<Part> parts) {
    std::int64_t rows = 0;
    for (const Part& part : parts) rows += part.count;
    if (info.shape.rank() > 0) info.shape[0] = rows;
    info.big_endian = false;
    std::size_t row_bytes = info.value_bytes;
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        row_bytes *= static_cast<std::size_t>(info.shape[axis]);
    return {info, [parts = std::move(parts), row_bytes](std::int64_t first, std::int64_t count,
                                                        std::byte* out) {
                for (const Part& part : parts) {
                    const std::int64_t here =
                        std::clamp<std::int64_t>(part.count - first, 0, count);
                    if (here > 0) part.reader->read(part.first + first, here, out);
                    out += static_cast<std::size_t>(here) * row_bytes;
                    first = std::max<std::int64_t>(0, first - part.count);
                    count -= here;
                }
            }};
}

Part part_of(const DataSpec& spec, std::shared_ptr<storage::ArrayReader> reader) {
    const ArrayInfo& info = reader->info();
    const std::int64_t rows = info.shape.rank() == 0 ? 1 : info.shape[0];
    const std::int64_t first = spec.first.value_or(0), last = spec.last.value_or(rows);
    if (first < 0 || last < first || last > rows)
        throw Error(Fault::usage, fmt::format("{} has {} rows; {}:{} is not inside", info.path,
                                              rows, first, last));
    return {std::move(reader), first, last - first};
}

void whole_file(const DataSpec& spec, PackedInputs& out) {
    const storage::ArrayFile file(spec.file);
    const storage::FileInfo info = file.look();
    if (info.format == "narrows-model" || info.format == "narrows-checkpoint" ||
        info.format == "narrows-compressed")
        throw Error(Fault::usage, fmt::format("\"{}\" is a {}", spec.file, info.format),
                    "compress datasets");
    codec::WholeFile whole = codec::whole_file(file);
    out.beside = std::move(whole.beside);
    out.inputs = std::move(whole.inputs);
    if (out.inputs.empty())
        throw Error(Fault::input,
                    fmt::format("\"{}\" holds no dataset that narrows reads", spec.file),
                    "narrows info lists what is there");
}

// What stands beside the dataset in the first file that has it.
void add_beside(const std::vector<DataSpec>& specs, ArrayInfo& info) {
    for (const DataSpec& spec : specs) {
        const storage::FileInfo file = storage::look(spec.file);
        std::string name = info.path;  // of several names, look() takes the first
        for (const storage::ExactLink& link : file.beside.links)
            if (!link.soft && link.path == name) name = link.target;
        for (const ArrayInfo& array : file.arrays)
            if (array.path == name) {
                info.beside = array.beside;
                info.bounds_of = array.bounds_of;
                return;
            }
    }
}

// The scales of their axes, as datasets of their own.
void add_scales(const std::string& path, std::vector<codec::Input>& inputs) {
    const codec::WholeFile whole = codec::whole_file(storage::ArrayFile(path));
    const auto find = [](const std::vector<codec::Input>& all, const std::string& name) {
        return std::find_if(all.begin(), all.end(),
                            [&](const codec::Input& one) { return one.info.path == name; });
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::vector<std::vector<std::string>> scales = inputs[i].info.beside.scales;
        for (const std::vector<std::string>& axis : scales)
            for (const std::string& scale : axis)
                if (const auto found = find(whole.inputs, scale);
                    found != whole.inputs.end() && find(inputs, scale) == inputs.end())
                    inputs.push_back(*found);
    }
}

}  // namespace

PackedInputs open_packed_inputs(const recipes::Source& source) {
    PackedInputs out;
    const std::vector<DataSpec> specs = data_specs(source);
    for (const DataSpec& spec : specs) out.files.push_back(spec.file);
    const bool plain = source.window == 0 && source.columns.empty();
    if (specs.size() == 1 && plain && specs[0].dataset.empty() && !specs[0].first &&
        !specs[0].last && is_hdf5_file(specs[0])) {
        whole_file(specs[0], out);
        return out;
    }
    if (plain && std::all_of(specs.begin(), specs.end(), [](const DataSpec& spec) {
            return !spec.dataset.empty() && is_hdf5_file(spec);
        })) {
        struct Group {
            ArrayInfo info;
            std::vector<Part> parts;
        };
        std::vector<Group> groups;
        for (const DataSpec& spec : specs) {
            std::shared_ptr<storage::ArrayReader> reader =
                storage::open_array(spec.file, spec.dataset);
            const ArrayInfo info = reader->info();
            auto group = std::find_if(groups.begin(), groups.end(),
                                      [&](const Group& g) { return g.info.path == info.path; });
            if (group == groups.end()) group = groups.insert(groups.end(), {info, {}});
            if (info.type != group->info.type ||
                !(info.shape.sample() == group->info.shape.sample()) ||
                info.shape.rank() != group->info.shape.rank() ||
                (info.shape.rank() == 0 && !group->parts.empty()))
                throw Error(
                    Fault::input,
                    fmt::format(
                        "{} of \"{}\" has another type or shape than that of the file before",
                        info.path, spec.file),
                    "compress them apart");
            group->parts.push_back(part_of(spec, std::move(reader)));
        }
        for (Group& group : groups)
            out.inputs.push_back(joined(group.info, std::move(group.parts)));
        for (codec::Input& input : out.inputs) add_beside(specs, input.info);
        const bool one_file = std::all_of(specs.begin(), specs.end(), [&](const DataSpec& spec) {
            return spec.file == specs[0].file && !spec.first && !spec.last;
        });
        if (one_file)
            add_scales(specs[0].file, out.inputs);
        else
            for (codec::Input& input : out.inputs) input.info.beside.scales.clear();
        return out;
    }
    const std::shared_ptr<const datasets::Dataset> data = open_data(source);
    if (!data->labels().empty())
        out.beside.left_out.emplace_back("labels: import the data, and compress that file whole");
    ArrayInfo info;
    info.path = "/samples";
    info.type = data->type();
    info.value_bytes = storage::size_of(data->type());
    info.shape = data->sample().with_batch(data->rows());
    out.inputs.push_back({info, [data](std::int64_t first, std::int64_t count, std::byte* values) {
                              data->read_stored(first, count, values);
                          }});
    return out;
}

}  // namespace narrows::tools
