// One reader for each kind of file. All throw Error{Fault::input} that names file and place.
#pragma once

#include "datasets/format.hpp"

namespace narrows::datasets {

std::shared_ptr<const Dataset> open_hdf5(const DataSpec& spec, std::uint64_t budget, bool once);
std::shared_ptr<const Dataset> open_idx(const DataSpec& spec, std::uint64_t budget, bool once);
std::shared_ptr<const Dataset> open_npy(const DataSpec& spec, std::uint64_t budget, bool once);
std::shared_ptr<const Dataset> open_raw(const DataSpec& spec, std::uint64_t budget, bool once);
std::shared_ptr<const Dataset> open_csv(const DataSpec& spec, std::uint64_t budget);
std::shared_ptr<const Dataset> open_ts(const DataSpec& spec, std::uint64_t budget);
std::shared_ptr<const Dataset> open_png_folder(const DataSpec& spec, std::uint64_t budget);
std::shared_ptr<const Dataset> open_pgn(const DataSpec& spec, std::uint64_t budget);
std::shared_ptr<const Dataset> open_epd(const DataSpec& spec, std::uint64_t budget);  // and FEN

// Those that plugins brought, asked for on first use.
std::vector<NamedFormat> other_formats();

// Is this how a file of games, or of positions, begins?
bool looks_like_pgn(std::string_view head);
bool looks_like_epd(std::string_view head);

// "digits.h5" of a path.
std::string short_name(const std::string& file);

// Texts as numbers: whole numbers as they are, else each new text gets the next number.
struct LabelReader {
    std::vector<std::string> texts;
    Labels finish() const;
};

}  // namespace narrows::datasets
