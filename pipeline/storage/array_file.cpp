#include "pipeline/storage/array_file.hpp"

#include <sys/file.h>

#include <atomic>
#include <cerrno>

#include "pipeline/storage/array_reader.hpp"
#include "pipeline/storage/checked_reader.hpp"
#include "pipeline/storage/header.hpp"
#include "pipeline/storage/parts_reader.hpp"

namespace narrows::storage {

namespace {

std::atomic<bool> trusted{false};
std::atomic<ChunkDecoderMaker> decoder_maker{nullptr};
std::atomic<const Loop*> chosen_loop{nullptr};
constexpr std::int64_t largest_model = 64 << 20;  // bytes

}  // namespace

void trust_files(bool trust) {
    trusted = trust;
}

void set_loop(const Loop& loop) {
    chosen_loop = &loop;
}

const Loop& loop() noexcept {
    static const SerialLoop serial;
    const Loop* const chosen = chosen_loop;
    return chosen != nullptr ? *chosen : serial;
}

ChunkDecoder::~ChunkDecoder() = default;

void set_chunk_decoder(ChunkDecoderMaker maker) {
    decoder_maker = maker;
}

ArrayFile::ArrayFile(const std::filesystem::path& path) : path_(path) {
    if (!is_hdf5(path_)) refuse_as_hdf5(path_);
    file_ = std::make_shared<const Descriptor>(open_to_read(path_));
    // A file system without locks says something else than that: then nobody can be asked.
    if (::flock(file_->number(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        throw Error(Fault::input, in_quotes(path_) + " is being written by another process",
                    "wait until it is done");
    const bool vouched = has_header(file_->number());
    if (vouched) verify_header(file_->number(), path_);
    if (vouched || trusted)
        source_ = library_source(path_, path_, false);
    else
        source_ = probe_source(path_, file_->number());
}

ArrayFile::~ArrayFile() = default;

FileInfo ArrayFile::look() const {
    FileInfo info = source_->look();
    info.bytes = file_bytes(file_->number(), path_);
    return info;
}

std::unique_ptr<ArrayReader> ArrayFile::open(const std::string& dataset) const {
    const ArrayLayout layout = source_->layout(dataset);
    if (layout.kind != ArrayLayout::Kind::parts) return open_layout(layout);
    check_layout(layout, file_bytes(file_->number(), path_), path_);
    return std::make_unique<PartsReader>(*this, layout.info);
}

std::unique_ptr<ArrayReader> ArrayFile::open_checked(const FileInfo& contents,
                                                     const std::string& dataset) const {
    const ArrayLayout layout = source_->layout(dataset);
    if (layout.kind == ArrayLayout::Kind::parts || shows_damage(layout)) return open(dataset);
    std::vector<std::uint64_t> checksums = read_checksums(*this, contents, layout.info);
    auto rows = open_layout(layout);
    if (checksums.empty()) return rows;
    return std::make_unique<CheckedReader>(path_, std::move(rows), std::move(checksums));
}

std::unique_ptr<ArrayReader> ArrayFile::open_here(const std::string& dataset) const {
    return open_layout(source_->layout(dataset));
}

std::unique_ptr<ArrayReader> ArrayFile::open_layout(const ArrayLayout& layout) const {
    const std::string& dataset = layout.info.path;
    if (layout.kind == ArrayLayout::Kind::parts)
        throw Error(Fault::input,
                    in_quotes(path_) + ": " + dataset + " is joined from parts, a part cannot be",
                    "name the file that was joined");
    check_layout(layout, file_bytes(file_->number(), path_), path_);
    if (layout.kind == ArrayLayout::Kind::contiguous)
        return std::make_unique<ContiguousReader>(path_, layout, file_);
    std::shared_ptr<const ChunkDecoder> decoder;
    if (layout.kind == ArrayLayout::Kind::chunks && layout.filters.size() == 1 &&
        layout.filters[0] == Filter::codec) {
        const ChunkDecoderMaker maker = decoder_maker;
        if (maker == nullptr)
            throw Error(Fault::input,
                        in_quotes(path_) + ": " + dataset + " is compressed by narrows",
                        "link the codec");
        decoder = maker(layout.info, [&](const std::string& name) {
            const ArrayLayout model = source_->layout(name);
            const ArrayInfo& info = model.info;
            if (info.shape.rank() != 1 || info.value_bytes != 1 || info.shape[0] > largest_model ||
                model.filters == std::vector<Filter>{Filter::codec})
                throw Error(Fault::input, in_quotes(path_) + ": " + name + " is no model",
                            "the file may be damaged: copy or make it again");
            const std::unique_ptr<ArrayReader> reader = open_layout(model);
            std::vector<std::byte> bytes(static_cast<std::size_t>(info.shape[0]));
            reader->read(0, info.shape[0], bytes.data());
            return bytes;
        });
    }
    return std::make_unique<ChunkedReader>(path_, layout, file_, source_, std::move(decoder));
}

FileInfo look(const std::filesystem::path& path) {
    return ArrayFile(path).look();
}

std::unique_ptr<ArrayReader> open_array(const std::filesystem::path& path,
                                        const std::string& dataset) {
    return ArrayFile(path).open(dataset);
}

}  // namespace narrows::storage
