// Datasets cut into chunks, and files into parts between them. Private to the room.
#pragma once

#include "pipeline/codec/container.hpp"

namespace narrows::codec {

// What codes say about their rows (storage) is read by everybody who opens the file: it stays
// plain.
bool is_packed(const storage::ArrayInfo& info);
// Throws Error{Fault::usage}: a row is larger than a chunk may be, or there are too many.
std::int64_t chunk_rows_of(const storage::ArrayInfo& info, const Job& job);

// What a part of the file holds: rows `first` to `last` of all datasets with `all` rows.
struct Cut {
    storage::Part part;
    std::int64_t all = 0, chunk_rows = 1, first = 0, last = 0;
    bool of(const storage::ArrayInfo& info) const {
        return info.numeric && info.shape.rank() > 0 && info.shape[0] == all;
    }
};

// Of the job's part; none without one. Throws Error{Fault::usage}: fewer chunks than parts.
std::optional<Cut> cut_of(const std::vector<Input>& inputs, const Job& job);
// What the file of a part has beside its rows. Throws Error{Fault::usage}: it is a part already.
storage::FileBeside beside_part(storage::FileBeside beside, const Cut& cut);

}  // namespace narrows::codec
