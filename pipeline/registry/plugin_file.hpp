// A plugin's descriptor, read out of the file without running or mapping its code.
#pragma once

#include <filesystem>

#include "pipeline/plugin.hpp"

namespace narrows::registry {

// The "narrows" ELF note of a shared library. Null: not an ELF file of this machine's word size and
// byte order, or one without such a note. Never reads outside the file, whatever it holds.
NARROWS_PUBLIC std::optional<PluginNote> read_note(const std::filesystem::path& file);

// Throws Error{Fault::plugin} with both versions, the path and the next step when it does not fit.
NARROWS_PUBLIC void check_note(const PluginNote& note, const std::filesystem::path& file);

}  // namespace narrows::registry
