// The three standard streams. One rule: talk that cannot be written is dropped, results that cannot
// be written are an error, which main reports once, at the end.
#pragma once

#include <string_view>

namespace narrows::tools {

// Puts /dev/null where descriptor 0, 1 or 2 was closed, so that no file of data gets its number.
// Before anything is opened.
void fill_closed_streams();

void talk(std::string_view text) noexcept;  // to stderr
void put(std::string_view text) noexcept;   // to stdout

// At the end: `code`, or 1 with a message where a run that was done lost what it wrote to stdout. A
// closed pipe is no loss: its reader has seen enough.
int with_output(int code);

}  // namespace narrows::tools
