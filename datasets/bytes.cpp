#include "datasets/bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

namespace narrows::datasets {
namespace {

constexpr std::size_t block = std::size_t{1} << 20;

class MemoryBytes final : public Bytes {
public:
    explicit MemoryBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size() const override { return bytes_.size(); }
    bool in_memory() const override { return true; }
    const std::byte* data() const override { return bytes_.data(); }
    void read(std::uint64_t at, std::size_t count, std::byte* out) const override {
        if (at + count > bytes_.size()) throw Error(Fault::input, "the file ends too early");
        std::memcpy(out, bytes_.data() + at, count);
    }

private:
    std::vector<std::byte> bytes_;
};

class FileBytes final : public Bytes {
public:
    FileBytes(int file, std::string name, std::uint64_t size)
        : file_(file), name_(std::move(name)), size_(size) {}
    ~FileBytes() override { ::close(file_); }
    FileBytes(const FileBytes&) = delete;
    FileBytes& operator=(const FileBytes&) = delete;
    std::uint64_t size() const override { return size_; }
    void read(std::uint64_t at, std::size_t count, std::byte* out) const override {
        while (count > 0) {
            const ::ssize_t got = ::pread(file_, out, count, static_cast<::off_t>(at));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0)
                throw Error(Fault::input,
                            fmt::format("cannot read \"{}\": {}", name_, std::strerror(errno)));
            if (got == 0)
                throw Error(Fault::input,
                            fmt::format("\"{}\" ends too early, at byte {}", name_, at),
                            "the file is cut off, or was changed while it was read");
            at += static_cast<std::uint64_t>(got);
            out += got;
            count -= static_cast<std::size_t>(got);
        }
    }

private:
    int file_;
    std::string name_;
    std::uint64_t size_;
};

int open_file(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw Error(Fault::input, fmt::format("cannot open \"{}\": {}", file, std::strerror(errno)),
                    errno == ENOENT ? "check the name and the folder" : "");
    struct ::stat info {};
    if (::fstat(descriptor, &info) != 0 || S_ISDIR(info.st_mode)) {
        ::close(descriptor);
        throw Error(Fault::input, fmt::format("\"{}\" is a folder", file), "name a file in it");
    }
    return descriptor;
}

// Members of a gzip file one after another, as gzip itself reads them.
class Inflater {
public:
    explicit Inflater(const std::string& file)
        : name_(file), file_(open_file(file)), input_(block) {
        if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
    }
    ~Inflater() {
        inflateEnd(&stream_);
        ::close(file_);
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    // Up to `count` bytes; fewer only at the end.
    std::size_t read(std::byte* out, std::size_t count) {
        stream_.next_out = reinterpret_cast<Bytef*>(out);
        stream_.avail_out = static_cast<uInt>(count);
        while (stream_.avail_out > 0 && !ended_) {
            if (stream_.avail_in == 0 && !refill()) {
                if (inside_) damaged("it is cut off");
                break;
            }
            inside_ = true;
            const int state = inflate(&stream_, Z_NO_FLUSH);
            if (state == Z_STREAM_END) {
                inside_ = false;
                if (stream_.avail_in == 0 && !refill()) break;
                if (stream_.next_in[0] != 0x1f) break;  // zeros behind the last member
                inflateReset(&stream_);
            } else if (state != Z_OK && state != Z_BUF_ERROR) {
                damaged(stream_.msg ? stream_.msg : "its checksum is wrong");
            }
        }
        return count - stream_.avail_out;
    }

private:
    bool refill() {
        ::ssize_t got = 0;
        do got = ::read(file_, input_.data(), input_.size());
        while (got < 0 && errno == EINTR);
        if (got < 0)
            throw Error(Fault::input,
                        fmt::format("cannot read \"{}\": {}", name_, std::strerror(errno)));
        stream_.next_in = input_.data();
        stream_.avail_in = static_cast<uInt>(got);
        ended_ = got == 0;
        return got > 0;
    }
    [[noreturn]] void damaged(const std::string& what) const {
        throw Error(Fault::input, fmt::format("\"{}\" is damaged gzip: {}", name_, what),
                    "fetch the file again");
    }
    std::string name_;
    int file_;
    std::vector<Bytef> input_;
    z_stream stream_{};
    bool inside_ = true, ended_ = false;
};

}  // namespace

Bytes::~Bytes() = default;

bool is_gzip(const std::string& file) {
    const int descriptor = open_file(file);
    unsigned char magic[2] = {};
    const bool gzip = ::pread(descriptor, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    ::close(descriptor);
    return gzip;
}

std::string first_bytes(const std::string& file, std::size_t count) {
    std::string out(count, '\0');
    if (is_gzip(file)) {
        out.resize(Inflater(file).read(reinterpret_cast<std::byte*>(out.data()), count));
        return out;
    }
    const int descriptor = open_file(file);
    const ::ssize_t got = ::pread(descriptor, out.data(), count, 0);
    ::close(descriptor);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
}

std::shared_ptr<const Bytes> open_bytes(const std::string& file, std::uint64_t budget, bool keep) {
    const int descriptor = open_file(file);
    struct ::stat info {};
    ::fstat(descriptor, &info);
    const auto size = static_cast<std::uint64_t>(info.st_size);
    auto plain = std::make_shared<FileBytes>(descriptor, file, size);
    if (!is_gzip(file)) {
        if (!keep || size > budget) return plain;
        std::vector<std::byte> all(size);
        plain->read(0, size, all.data());
        return std::make_shared<MemoryBytes>(std::move(all));
    }
    Inflater inflater(file);
    Spool spool(budget);
    // The last four bytes of gzip are the size, modulo 2^32: a hint.
    std::array<unsigned char, 4> tail{};
    if (size >= 18) plain->read(size - 4, 4, reinterpret_cast<std::byte*>(tail.data()));
    spool.expect(tail[0] | tail[1] << 8 | tail[2] << 16 | std::uint64_t{tail[3]} << 24);
    std::vector<std::byte> part(block);
    while (const std::size_t got = inflater.read(part.data(), part.size()))
        spool.add(part.data(), got);
    return spool.finish();
}

std::shared_ptr<const Bytes> keep_bytes(std::vector<std::byte> bytes) {
    return std::make_shared<MemoryBytes>(std::move(bytes));
}

Spool::Spool(std::uint64_t budget) : budget_(budget) {}
Spool::~Spool() {
    if (file_ >= 0) ::close(file_);
}

void Spool::expect(std::uint64_t bytes) {
    if (bytes <= budget_) memory_.reserve(bytes);
}

void Spool::add(const void* data, std::size_t count) {
    const auto* from = static_cast<const std::byte*>(data);
    memory_.insert(memory_.end(), from, from + count);
    size_ += count;
    if (file_ >= 0 ? memory_.size() >= block : size_ > budget_) write_out();
}

void Spool::write_out() {
    if (file_ < 0) {
        const char* folder = std::getenv("TMPDIR");
        std::string name = std::string(folder && *folder ? folder : "/tmp") + "/narrows-XXXXXX";
        file_ = ::mkostemp(name.data(), O_CLOEXEC);
        if (file_ < 0)
            throw Error(
                Fault::run,
                fmt::format("cannot make a temporary file \"{}\": {}", name, std::strerror(errno)),
                "set TMPDIR to a folder with room");
        ::unlink(name.c_str());
    }
    for (std::size_t at = 0; at < memory_.size();) {
        const ::ssize_t put = ::write(file_, memory_.data() + at, memory_.size() - at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0)
            throw Error(Fault::run,
                        fmt::format("cannot write a temporary file: {}", std::strerror(errno)),
                        "set TMPDIR to a folder with room");
        at += static_cast<std::size_t>(put);
    }
    memory_.clear();
    memory_.shrink_to_fit();
}

std::shared_ptr<const Bytes> Spool::finish() {
    if (file_ < 0) return std::make_shared<MemoryBytes>(std::move(memory_));
    write_out();
    return std::make_shared<FileBytes>(std::exchange(file_, -1), "temporary file", size_);
}

}  // namespace narrows::datasets
