#include "pipeline/storage/part.hpp"

#include <charconv>

namespace narrows::storage {

Part parse_part(std::string_view text) {
    Part part;
    const char* const end = text.data() + text.size();
    const auto number = std::from_chars(text.data(), end, part.number);
    bool good = number.ec == std::errc{} && number.ptr != end && *number.ptr == '/';
    if (good) {
        const auto count = std::from_chars(number.ptr + 1, end, part.count);
        good = count.ec == std::errc{} && count.ptr == end;
    }
    if (!good || part.number < 1 || part.number > part.count || part.count > most_parts)
        throw Error(Fault::usage, "part \"" + std::string(text) + "\" is not one of 1/N to N/N",
                    "the second of four is 2/4");
    return part;
}

PartRows rows_of(const Part& part, std::int64_t all_rows) {
    if (all_rows < part.count)
        throw Error(Fault::usage,
                    std::to_string(all_rows) + " rows are too few for " +
                        std::to_string(part.count) + " parts",
                    "make fewer parts");
    __extension__ using Wide = __int128;
    const auto at = [&](std::int64_t number) {
        return static_cast<std::int64_t>(static_cast<Wide>(all_rows) * number / part.count);
    };
    return {at(part.number - 1), at(part.number)};
}

std::vector<std::pair<std::string, Attribute>> attributes_of(const Part& part,
                                                             std::int64_t all_rows) {
    return {{"part", part.number},
            {"parts", part.count},
            {"first_row", rows_of(part, all_rows).first},
            {"all_rows", all_rows}};
}

}  // namespace narrows::storage
