// The bytes of a file, gzipped or not, for formats that are not HDF5. One rule: what does not fit
// the budget lies in a temporary file without a name; reading is positioned and thread-safe.
#pragma once

#include <memory>

#include "datasets/dataset.hpp"

namespace narrows::datasets {

class NARROWS_PUBLIC Bytes {
public:
    virtual ~Bytes();
    virtual std::uint64_t size() const = 0;
    virtual bool in_memory() const { return false; }
    virtual const std::byte* data() const { return nullptr; }  // all of them, if in memory
    // Throws Error{Fault::input} when the bytes are not there (any more).
    virtual void read(std::uint64_t at, std::size_t count, std::byte* out) const = 0;
};

// Of a file; gzip is unpacked, into memory up to `budget`. Throws Error{Fault::input}: missing,
// not readable, damaged gzip.
// `keep`: a plain file within the budget is read into memory too, for access in any order.
NARROWS_PUBLIC std::shared_ptr<const Bytes> open_bytes(const std::string& file,
                                                       std::uint64_t budget, bool keep = false);
NARROWS_PUBLIC std::shared_ptr<const Bytes> keep_bytes(std::vector<std::byte> bytes);
bool is_gzip(const std::string& file);
// The first bytes of what open_bytes() would give.
std::string first_bytes(const std::string& file, std::size_t count);

// Takes bytes one after another; beyond the budget they move to a nameless temporary file.
class NARROWS_PUBLIC Spool {
public:
    explicit Spool(std::uint64_t budget);
    ~Spool();
    void expect(std::uint64_t bytes);  // so that memory need not grow step by step
    void add(const void* data, std::size_t count);
    std::uint64_t size() const { return size_; }
    std::shared_ptr<const Bytes> finish();

private:
    void write_out();
    std::uint64_t budget_, size_ = 0;
    std::vector<std::byte> memory_;
    int file_ = -1;
};

}  // namespace narrows::datasets
