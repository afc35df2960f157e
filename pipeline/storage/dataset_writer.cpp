#include "pipeline/storage/dataset_writer.hpp"

#include <algorithm>

#include "pipeline/storage/block_hashes.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::storage {

namespace {

std::string dims_of(const Shape& sample) {
    switch (sample.rank()) {
        case 0:
            return "sample";
        case 1:
            return "sample,feature";
        case 2:
            return "sample,row,col";
        case 3:
            return "sample,channel,row,col";
        default:
            break;
    }
    std::string text = "sample";
    for (std::size_t axis = 1; axis <= sample.rank(); ++axis)
        text += ",axis" + std::to_string(axis);
    return text;
}

}  // namespace

struct DatasetWriter::Impl {
    AtomicFile target;
    Descriptor file;
    DatasetLayout layout;
    std::size_t row_bytes;
    std::unique_ptr<RowSink> sink;
    HashStream whole;
    BlockHashes blocks;
    std::vector<std::uint64_t> hashes;  // low and high of each block
    std::vector<std::int64_t> labels, ids;
    std::vector<std::string> names;

    Impl(const std::filesystem::path& path, const DatasetLayout& wanted)
        : target(path),
          file(open_to_write(target.temporary())),
          layout(wanted),
          row_bytes(static_cast<std::size_t>(wanted.sample.elements()) * size_of(wanted.type)),
          blocks(row_bytes) {
        const SinkTarget place{target.temporary(), target.path(), file.number(), layout, row_bytes};
        sink = layout.rows >= 0 && layout.level == 0 ? contiguous_sink(place) : chunked_sink(place);
    }

    std::int64_t rows() const { return blocks.rows(); }

    void check_count(const char* what, std::size_t count) const {
        if (count != 0 && count != static_cast<std::size_t>(rows()))
            throw Error(Fault::run, in_quotes(target.path()) + " got " + std::to_string(count) +
                                        " " + what + " for " + std::to_string(rows()) + " rows");
    }

    static void keep(std::vector<std::uint64_t>& sums, Hash128 hash) {
        sums.push_back(hash.low);
        sums.push_back(hash.high);
    }

    void put_hashes(hid_t to, const std::string& name,
                    const std::vector<std::uint64_t>& sums) const {
        put_array(to, checksums_of(name), H5T_STD_U64LE,
                  {static_cast<std::int64_t>(sums.size() / 2), 2}, sums);
    }

    // With its checksums; a row has `width` values.
    template <class T>
    void put_column(hid_t to, const std::string& name, hid_t type, const std::vector<T>& values,
                    std::size_t width = 1) const {
        const auto count = static_cast<std::int64_t>(values.size() / width);
        put_array(to, name, type, {count}, values);
        std::vector<std::uint64_t> sums;
        const auto take = [&](std::int64_t, Hash128 hash) { keep(sums, hash); };
        BlockHashes column(width * sizeof(T));
        column.add(values.data(), count, take);
        column.finish(take);
        put_hashes(to, name, sums);
    }

    template <class T>
    void put_array(hid_t to, const std::string& name, hid_t type, const Shape& shape,
                   const std::vector<T>& values) const {
        h5::Handle dataset =
            h5::make_dataset(to, name, type, shape, h5::dataset_list(), target.path());
        // The library keeps small data back until the dataset is closed: that may fail, too.
        if ((!values.empty() &&
             H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) ||
            !dataset.close())
            h5::fail_write(target.path(), "dataset " + name);
    }

    void put_names(hid_t to) const {
        std::size_t width = 1;
        for (const std::string& name : names) width = std::max(width, name.size());
        std::vector<char> text(width * names.size(), '\0');
        for (std::size_t i = 0; i < names.size(); ++i)
            std::copy(names[i].begin(), names[i].end(),
                      text.begin() + static_cast<std::ptrdiff_t>(i * width));
        const h5::Handle type(H5Tcopy(H5T_C_S1));
        H5Tset_size(type, width);
        H5Tset_strpad(type, H5T_STR_NULLPAD);
        H5Tset_cset(type, H5T_CSET_UTF8);
        put_column(to, "/label_names", type, text, width);
    }

    void put_companions(hid_t to) const {
        const h5::Handle samples(H5Dopen2(to, "/samples", H5P_DEFAULT));
        h5::write_ok(samples, target.path(), "dataset /samples");
        h5::put(samples, "dims", dims_of(layout.sample), target.path());
        h5::put(samples, std::string(checksum_attribute), to_text(whole.value()), target.path());
        if (!labels.empty()) put_column(to, "/labels", H5T_STD_I64LE, labels);
        if (!names.empty()) put_names(to);
        if (!ids.empty()) put_column(to, "/ids", H5T_STD_I64LE, ids);
        put_hashes(to, "/samples", hashes);
    }

    std::uint64_t companion_bytes() const {
        std::uint64_t bytes =
            (labels.size() + ids.size() + 3 * hashes.size()) * 8 + 24 * h5::page_bytes;
        std::size_t width = 1;
        for (const std::string& name : names) width = std::max(width, name.size());
        return bytes + width * names.size();
    }
};

DatasetWriter::DatasetWriter(const std::filesystem::path& path, const DatasetLayout& layout)
    : impl_(std::make_unique<Impl>(path, layout)) {}

DatasetWriter::~DatasetWriter() = default;

void DatasetWriter::append(std::span<const std::byte> rows, const Loop& loop) {
    Impl& my = *impl_;
    if (my.row_bytes == 0 || rows.size() % my.row_bytes != 0)
        throw Error(Fault::run, in_quotes(my.target.path()) + " got " +
                                    std::to_string(rows.size()) + " bytes, its rows have " +
                                    std::to_string(my.row_bytes));
    my.sink->append(rows, loop);
    my.whole.add(rows.data(), rows.size());
    my.blocks.add(rows.data(), static_cast<std::int64_t>(rows.size() / my.row_bytes),
                  [&](std::int64_t, Hash128 hash) { Impl::keep(my.hashes, hash); });
}

void DatasetWriter::append_labels(std::span<const std::int64_t> labels) {
    impl_->labels.insert(impl_->labels.end(), labels.begin(), labels.end());
}

void DatasetWriter::label_names(std::vector<std::string> names) {
    impl_->names = std::move(names);
}

void DatasetWriter::append_ids(std::span<const std::int64_t> ids) {
    impl_->ids.insert(impl_->ids.end(), ids.begin(), ids.end());
}

void DatasetWriter::commit() {
    Impl& my = *impl_;
    my.check_count("labels", my.labels.size());
    my.check_count("ids", my.ids.size());
    if (my.layout.rows >= 0 && my.rows() != my.layout.rows)
        throw Error(Fault::run, in_quotes(my.target.path()) + " got " + std::to_string(my.rows()) +
                                    " of " + std::to_string(my.layout.rows) + " rows");
    my.blocks.finish([&](std::int64_t, Hash128 hash) { Impl::keep(my.hashes, hash); });
    {
        const h5::Library library;
        h5::Handle file = my.sink->finish(my.rows(), my.companion_bytes());
        try {
            my.put_companions(file);
        } catch (...) {
            file.abandon();
            throw;
        }
        if (!file.close()) h5::fail_write(my.target.path(), "HDF5 could not finish the file");
    }
    release_surplus(my.file.number());
    my.target.commit();
}

}  // namespace narrows::storage
