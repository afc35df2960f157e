// The HDF5 library behind one lock, with owned handles and errors as text. Private to the storage
// room. One rule: every HDF5 call happens while a Library object lives; the library's own error
// stack is never printed, and files left open by an error are not flushed at exit.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <string>

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage::h5 {

// Holds the process-wide lock (recursive). The first one sets the library up: no printed errors,
// no plugins from outside, nothing written at exit.
class Library {
public:
    Library();

private:
    std::lock_guard<std::recursive_mutex> lock_;
};

// An owned identifier of any kind. Declare after the Library that it needs.
class Handle {
public:
    Handle() = default;
    explicit Handle(hid_t id) : id_(id) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~Handle() {
        if (id_ >= 0) H5Idec_ref(id_);
    }
    operator hid_t() const { return id_; }  // NOLINT: used as the C type everywhere
    bool valid() const { return id_ >= 0; }
    // Closes and tells whether that worked (a file's last writes happen here).
    bool close() { return H5Idec_ref(std::exchange(id_, H5I_INVALID_HID)) >= 0; }
    void abandon() { id_ = H5I_INVALID_HID; }

private:
    hid_t id_ = H5I_INVALID_HID;
};

std::string library_text();  // the innermost error of the last failed call, or empty

[[noreturn]] void fail_read(const std::filesystem::path& path, const std::string& what);
[[noreturn]] void fail_write(const std::filesystem::path& path, const std::string& what);
hid_t read_ok(hid_t id, const std::filesystem::path& path, const std::string& what);
hid_t write_ok(hid_t id, const std::filesystem::path& path, const std::string& what);

// Throws Fault::input where the root group is damaged. To be asked first: see look_into.
void check_root(hid_t file, const std::filesystem::path& path);

// Read-only, after a check that it is a file and HDF5. Throws Fault::input.
Handle open(const std::filesystem::path& path);

// A new file (truncated) in the layout of all our files: checksummed metadata, no object times.
struct FileOptions {
    hsize_t user_block = 0;
    hsize_t alignment = 0;  // of datasets of at least that size
};
Handle create(const std::filesystem::path& path, const FileOptions& options);
Handle open_to_change(const std::filesystem::path& path, const FileOptions& options);
Handle group_list();    // creation properties of a group: order kept, no times
Handle dataset_list();  // of a dataset: no times, no fill

hid_t stored_type(Numeric type);  // little-endian; not owned
hid_t stored_type(Type type);
std::optional<Numeric> numeric_of(hid_t type);  // none: not one of ours

// Attributes of our kinds. Texts are fixed-length UTF-8.
void put(hid_t object, const std::string& name, const Attribute& value,
         const std::filesystem::path& path);
// Scalar or one-element numbers and texts; none for anything else.
std::optional<Attribute> get(hid_t object, const std::string& name);
// In the order of their creation, if that is kept; at most 1000. Not whole: some cannot be listed.
struct AttributeNames {
    std::vector<std::string> names;
    bool whole = true;
};
AttributeNames attribute_names(hid_t object);
bool attributes_whole(hid_t object);  // all can be listed and opened
std::vector<std::pair<std::string, Attribute>> get_all(hid_t object);  // in that order
std::string text_or(const std::optional<Attribute>& value, std::string fallback = {});
std::optional<double> number(const std::optional<Attribute>& value);

// Root attributes that every file of ours starts with.
void put_identity(hid_t file, const std::string& format,
                  const std::vector<std::pair<std::string, Attribute>>& others,
                  const std::filesystem::path& path);
// A narrows file of a newer version than this one reads is refused (Fault::input).
void check_version(hid_t file, const std::filesystem::path& path);

Shape extents(hid_t dataset);  // throws beyond 8 dimensions

// Contiguous, allocated but not written. Makes the groups on its path.
struct Place {
    std::uint64_t offset = 0;  // in the file; 0 when there are no bytes
    std::uint64_t bytes = 0;
};
Handle make_dataset(hid_t file, const std::string& name, hid_t type, const Shape& shape,
                    hid_t creation_list, const std::filesystem::path& path);
Place place_of(hid_t dataset);

inline constexpr std::int64_t format_version = 1;
inline constexpr hsize_t page_bytes = 4096;

}  // namespace narrows::storage::h5
