// What a file of codes holds already, for rows that are put behind them.
#pragma once

#include <memory>

#include "pipeline/storage/array_file.hpp"

namespace narrows::plugins {

class AppendedTo {
public:
    // What copying holds at a time; a row where it is larger.
    static constexpr std::uint64_t block_bytes = 4u << 20;
    // A complete file of codes with these columns, of the same model and kind: `layout` is that of
    // the new rows. Throws Error{Fault::usage} with what is different.
    AppendedTo(const std::string& file, const storage::CodesLayout& layout);
    std::int64_t rows() const { return rows_; }
    // The layout of the whole: attributes stay those of the first run, with the number of appends
    // and the last one's pipeline beside them.
    const storage::CodesLayout& whole() const { return whole_; }
    void copy_to(storage::CodesWriter& writer) const;

private:
    void compare(const storage::FileInfo& info, const storage::CodesLayout& layout);

    std::string file_;
    storage::ArrayFile source_;
    std::int64_t rows_ = 0;
    storage::CodesLayout whole_;
};

}  // namespace narrows::plugins
