#include "pipeline/storage/compressed_writer.hpp"

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/dataset_writer.hpp"
#include "pipeline/storage/exact_values.hpp"

namespace narrows::storage {

namespace {

// HDF5 makes a dataset only where it knows the filter; chunks are packed before it sees them.
std::size_t never(unsigned, std::size_t, const unsigned*, std::size_t, std::size_t*, void**) {
    return 0;
}

void register_filter() {
    if (H5Zfilter_avail(codec_filter) > 0) return;
    const H5Z_class2_t filter{H5Z_CLASS_T_VERS, codec_filter, 1,       0,
                              "narrows",        nullptr,      nullptr, never};
    H5Zregister(&filter);
}

// As pipeline/codec/FORMAT.md has them.
std::vector<unsigned> filter_values(const PackedLayout& layout) {
    const std::size_t row =
        static_cast<std::size_t>(layout.shape.sample().elements()) * size_of(layout.type);
    std::vector<unsigned> values{
        1, static_cast<unsigned>(layout.type),
        static_cast<unsigned>(static_cast<std::size_t>(layout.chunk_rows) * row)};
    for (std::size_t word = 0; word < layout.model.size() / 8; ++word)
        values.push_back(
            static_cast<unsigned>(std::stoul(layout.model.substr(8 * word, 8), nullptr, 16)));
    return values;
}

}  // namespace

struct CompressedWriter::Impl {
    explicit Impl(const std::filesystem::path& path)
        : target(path), out(open_to_write(target.temporary())) {}
    ~Impl() {
        const h5::Library library;
        dataset.abandon();  // unfinished: the library must not touch the file again
        file.abandon();
    }

    void make_room(std::uint64_t more) {
        constexpr std::uint64_t step = 32u << 20;
        end += more;
        const std::uint64_t needed = end + library_slack;
        if (needed <= reserved) return;
        try {
            reserve(out.number(), needed + step, target.path());
            reserved = needed + step;
        } catch (const Error&) {
            reserve(out.number(), needed, target.path());
            reserved = needed;
        }
    }

    void put_beside(hid_t object, const std::string& name, const Beside& more) {
        for (const ExactAttribute& attribute : more.attributes)
            h5::put(object, attribute, target.path());
        if (!more.scales.empty()) scales.emplace_back(name, more.scales);
    }

    void end_dataset() {
        if (!dataset.valid()) return;
        if (!dataset.close()) h5::fail_write(target.path(), "a dataset could not be closed");
    }

    AtomicFile target;
    Descriptor out;
    std::uint64_t end = 0, reserved = 0;
    h5::Handle file, dataset;
    std::size_t rank = 0;
    FileBeside beside;
    std::vector<std::pair<std::string, std::vector<std::vector<std::string>>>> scales;
};

CompressedWriter::CompressedWriter(const std::filesystem::path& path, const std::string& format,
                                   FileBeside beside)
    : impl_(std::make_unique<Impl>(path)) {
    const h5::Library library;
    register_filter();
    impl_->file = h5::create(impl_->target.temporary(), {});
    impl_->beside = std::move(beside);
    std::uint64_t bytes = h5::bytes_of(impl_->beside.attributes);
    for (const ExactGroup& group : impl_->beside.groups) bytes += h5::bytes_of(group.attributes);
    impl_->make_room(bytes);
    if (!format.empty()) h5::put_identity(impl_->file, format, {}, path);
    for (const ExactAttribute& attribute : impl_->beside.attributes)
        h5::put(impl_->file, attribute, path);
    h5::put_groups(impl_->file, impl_->beside, path);
}

CompressedWriter::~CompressedWriter() = default;

void CompressedWriter::put(const ArrayInfo& info, std::span<const std::byte> values) {
    const h5::Library library;
    const std::filesystem::path& path = impl_->target.path();
    impl_->end_dataset();
    impl_->make_room(values.size() + 4096 + h5::bytes_of(info.beside.attributes));
    const h5::Handle type = h5::type_of(info);
    const h5::Handle list = h5::dataset_list();
    h5::set_fill(list, info);
    h5::Handle made = h5::make_dataset(impl_->file, info.path, type, info.shape, list, path);
    impl_->put_beside(made, info.path, info.beside);
    // The library keeps small data back until the dataset is closed: that may fail, too.
    if ((!values.empty() &&
         H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) ||
        !made.close())
        h5::fail_write(path, "dataset " + info.path);
}

void CompressedWriter::begin(const PackedLayout& layout) {
    const h5::Library library;
    const std::filesystem::path& path = impl_->target.path();
    impl_->end_dataset();
    impl_->make_room(4096 + h5::bytes_of(layout.beside.attributes));
    const h5::Handle list = h5::dataset_list();
    hsize_t chunk[Shape::max_rank] = {};
    std::copy(layout.shape.begin(), layout.shape.end(), chunk);
    chunk[0] = static_cast<hsize_t>(layout.chunk_rows);
    impl_->rank = layout.shape.rank();
    H5Pset_chunk(list, static_cast<int>(impl_->rank), chunk);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_INCR);
    const std::vector<unsigned> values = filter_values(layout);
    if (H5Pset_filter(list, codec_filter, H5Z_FLAG_MANDATORY, values.size(), values.data()) < 0)
        h5::fail_write(path, "the filter of " + layout.path);
    ArrayInfo info;
    info.type = layout.type;
    info.beside = layout.beside;
    h5::set_fill(list, info);
    impl_->dataset =
        h5::make_dataset(impl_->file, layout.path, h5::type_of(info), layout.shape, list, path);
    impl_->put_beside(impl_->dataset, layout.path, layout.beside);
    for (const auto& [name, value] : layout.attributes) h5::put(impl_->dataset, name, value, path);
}

void CompressedWriter::chunk(std::int64_t first_row, std::span<const std::byte> stored) {
    impl_->make_room(stored.size() + 64);
    const h5::Library library;
    hsize_t place[Shape::max_rank] = {static_cast<hsize_t>(first_row)};
    if (H5Dwrite_chunk(impl_->dataset, H5P_DEFAULT, 0, place, stored.size(), stored.data()) < 0)
        h5::fail_write(impl_->target.path(), "rows from " + std::to_string(first_row));
}

void CompressedWriter::commit() {
    {
        const h5::Library library;
        impl_->end_dataset();
        for (const auto& [name, scales] : impl_->scales)
            h5::attach_scales(impl_->file, name, scales);
        h5::put_links(impl_->file, impl_->beside, impl_->target.path());
        if (!impl_->file.close()) h5::fail_write(impl_->target.path(), "the end of the file");
    }
    release_surplus(impl_->out.number());
    impl_->target.commit();
}

}  // namespace narrows::storage
