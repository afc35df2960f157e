// The one public header for the author of a file format outside this room. A format is a component
// like a node or layer: NARROWS_FORMAT(Class, "name") in a plugin, and every verb reads its files.
// One rule: what open() gives is a Dataset, with all that a Dataset promises (read-only,
// thread-safe, bounded memory); rows.hpp has ready ones for rows of numbers, bytes.hpp has gzip and
// the budget.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/rows.hpp"

namespace narrows::datasets {

// Its describe(Schema&) gives a summary only: what may be said beside a file is DataSpec's.
class NARROWS_PUBLIC Format : public Component {
public:
    ~Format() override;
    // Is `file` of this format? `head`: its first bytes, at most 4096, unpacked where it is
    // gzipped; empty for a folder. Asked for each file that is not HDF5, NPY or IDX, before text is
    // tried. Must not throw: a file that only looks like one is open()'s to refuse.
    virtual bool recognises(const std::string& file, std::string_view head) const = 0;
    // All rows; spec.first, last, window and stride are applied to what comes back. `budget`: bytes
    // that the dataset may keep in memory. Throws Error{Fault::input} that names file and place.
    virtual std::shared_ptr<const Dataset> open(const DataSpec& spec,
                                                std::uint64_t budget) const = 0;
};

struct NamedFormat {
    std::string name;  // of --format
    std::shared_ptr<const Format> format;
};

// open() asks `find` once, when it first meets a file or a name that may be of another format, and
// keeps what it gives for the life of the process; of two formats of one name the first stays.
// Thread-safe. Programs need not call it: narrows.hpp's Runner and the command do.
NARROWS_PUBLIC void offer_formats(std::function<std::vector<NamedFormat>()> find);

}  // namespace narrows::datasets
