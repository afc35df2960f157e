#include "pipeline/registry/plugin_file.hpp"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>

namespace narrows::registry {
namespace {

constexpr std::uint64_t largest_note_segment = 1 << 20;

// Bounded reads at any offset of a file.
class Reader {
public:
    explicit Reader(const std::filesystem::path& file) : stream_(file, std::ios::binary) {
        stream_.seekg(0, std::ios::end);
        size_ = stream_ ? static_cast<std::uint64_t>(stream_.tellg()) : 0;
    }
    bool has(std::uint64_t offset, std::uint64_t bytes) const {
        return offset <= size_ && bytes <= size_ - offset;
    }
    bool read(std::uint64_t offset, void* out, std::uint64_t bytes) {
        if (!has(offset, bytes)) return false;
        stream_.seekg(static_cast<std::streamoff>(offset));
        stream_.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes));
        return static_cast<bool>(stream_);
    }

private:
    std::ifstream stream_;
    std::uint64_t size_ = 0;
};

constexpr std::uint64_t padded(std::uint64_t bytes) {
    return (bytes + 3) & ~std::uint64_t{3};
}

std::optional<PluginNote> find_in(const std::vector<char>& segment) {
    std::uint64_t at = 0;
    while (at + 12 <= segment.size()) {
        std::uint32_t head[3];  // name size, content size, type
        std::memcpy(head, segment.data() + at, sizeof head);
        const std::uint64_t name_at = at + 12, content_at = name_at + padded(head[0]);
        const std::uint64_t next = content_at + padded(head[1]);
        if (content_at > segment.size() || head[1] > segment.size() - content_at) return {};
        if (head[0] == 8 && std::memcmp(segment.data() + name_at, "narrows", 8) == 0) {
            PluginNote note{};
            std::memcpy(&note, segment.data() + content_at,
                        std::min<std::size_t>(head[1], sizeof note));
            return note;
        }
        if (next <= at) return {};
        at = next;
    }
    return {};
}

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
    return std::string(field, std::find(field, field + N, '\0'));
}

}  // namespace

std::optional<PluginNote> read_note(const std::filesystem::path& file) {
    Reader reader(file);
    Elf64_Ehdr header{};
    if (!reader.read(0, &header, sizeof header)) return {};
    constexpr auto order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != order ||
        header.e_phentsize != sizeof(Elf64_Phdr))
        return {};
    std::optional<PluginNote> note;
    for (std::uint32_t i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        if (!reader.read(header.e_phoff + i * sizeof segment, &segment, sizeof segment)) return {};
        // The loader maps segments without asking whether the file has them, and dies of it later.
        if (segment.p_type == PT_LOAD && !reader.has(segment.p_offset, segment.p_filesz))
            throw Error(Fault::plugin, "plugin " + file.string() + " is cut off",
                        "build or copy it again");
        if (note || segment.p_type != PT_NOTE || segment.p_filesz > largest_note_segment) continue;
        std::vector<char> bytes(segment.p_filesz);
        if (reader.read(segment.p_offset, bytes.data(), bytes.size())) note = find_in(bytes);
    }
    return note;
}

void check_note(const PluginNote& note, const std::filesystem::path& file) {
    const std::string subject = "plugin " + file.string();
    const std::string host = std::to_string(abi_major) + "." + std::to_string(abi_minor);
    const std::string theirs =
        std::to_string(note.abi_major) + "." + std::to_string(note.abi_minor);
    if (note.abi_major != abi_major || note.abi_minor > abi_minor)
        throw Error(Fault::plugin,
                    subject + " was built for plugin interface " + theirs +
                        ", this narrows has interface " + host,
                    note.abi_major < abi_major ? "rebuild the plugin against this narrows"
                                               : "use a newer narrows, or rebuild the plugin "
                                                 "against this one");
    if (note.bytes != sizeof(PluginNote) || note.entry_bytes != sizeof(Entry))
        throw Error(Fault::plugin,
                    subject + " states interface " + theirs +
                        " but its descriptor has another layout (" + std::to_string(note.bytes) +
                        "/" + std::to_string(note.entry_bytes) + " bytes, expected " +
                        std::to_string(sizeof(PluginNote)) + "/" + std::to_string(sizeof(Entry)) +
                        ")",
                    "rebuild the plugin against this narrows");
    if (text_of(note.fingerprint) != NARROWS_FINGERPRINT)
        throw Error(Fault::plugin,
                    subject + " was built with \"" + text_of(note.fingerprint) +
                        "\", this narrows with \"" NARROWS_FINGERPRINT "\"",
                    "rebuild the plugin with the same compiler and standard library");
}

}  // namespace narrows::registry
