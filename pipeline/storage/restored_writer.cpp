#include "pipeline/storage/restored_writer.hpp"

#include <algorithm>

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/exact_values.hpp"
#include "pipeline/storage/file.hpp"

namespace narrows::storage {

namespace {

// The empty datasets at their places.
std::vector<std::uint64_t> lay_out(const AtomicFile& target, int file, const FileInfo& info) {
    const h5::Library library;
    h5::Handle made = h5::create(target.temporary(), {.alignment = h5::page_bytes});
    std::vector<std::uint64_t> places;
    try {
        std::uint64_t bytes = 1u << 20;
        for (const ArrayInfo& array : info.arrays)
            bytes += static_cast<std::uint64_t>(stored_rows(array)) * row_bytes_of(array) +
                     2 * h5::page_bytes + h5::bytes_of(array.beside.attributes);
        for (const ExactGroup& group : info.beside.groups) bytes += h5::bytes_of(group.attributes);
        reserve(file, bytes, target.path());
        for (const ExactAttribute& attribute : info.beside.attributes)
            h5::put(made, attribute, target.path());
        h5::put_groups(made, info.beside, target.path());
        for (const ArrayInfo& array : info.arrays) {
            const h5::Handle list = h5::dataset_list();
            H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
            h5::set_fill(list, array);
            const h5::Handle dataset = h5::make_dataset(made, array.path, h5::type_of(array),
                                                        array.shape, list, target.path());
            for (const ExactAttribute& attribute : array.beside.attributes)
                h5::put(dataset, attribute, target.path());
            places.push_back(h5::place_of(dataset).offset);
        }
        for (const ArrayInfo& array : info.arrays)
            h5::attach_scales(made, array.path, array.beside.scales);
        h5::put_links(made, info.beside, target.path());
    } catch (...) {
        made.abandon();
        throw;
    }
    if (!made.close()) h5::fail_write(target.path(), "HDF5 could not lay out the file");
    return places;
}

}  // namespace

struct RestoredWriter::Impl {
    explicit Impl(const std::filesystem::path& path)
        : target(path), out(open_to_write(target.temporary())) {}
    AtomicFile target;
    Descriptor out;
    std::vector<std::uint64_t> offsets;
    std::vector<std::size_t> row_bytes;
};

RestoredWriter::RestoredWriter(const std::filesystem::path& path, const FileInfo& info) {
    if (!info.beside.damaged.empty())
        throw Error(Fault::input, info.beside.damaged.front(),
                    "a copy would lack it; narrows info --check names what else is damaged");
    impl_ = std::make_unique<Impl>(path);
    impl_->offsets = lay_out(impl_->target, impl_->out.number(), info);
    for (const ArrayInfo& array : info.arrays) impl_->row_bytes.push_back(row_bytes_of(array));
}

RestoredWriter::~RestoredWriter() = default;

void RestoredWriter::write(std::size_t number, std::int64_t first_row,
                           std::span<const std::byte> rows) const {
    const std::uint64_t at = static_cast<std::uint64_t>(first_row) * impl_->row_bytes[number];
    write_at(impl_->out.number(), rows.data(), rows.size(), impl_->offsets[number] + at,
             impl_->target.path());
}

void RestoredWriter::commit() {
    release_surplus(impl_->out.number());
    impl_->target.commit();
}

}  // namespace narrows::storage
