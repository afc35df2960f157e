// Makes a shared library a narrows plugin: include this in one source file of the plugin and end it
// with NARROWS_PLUGIN. The descriptor stands in an ELF note, so that the host reads and checks it
// before any code of the plugin runs.
#pragma once

#include "pipeline/node.hpp"

namespace narrows {

// One thing that a plugin brings: a node, model or layer type, or a file format.
struct Entry {
    Kind kind;
    std::string_view type;
    void (*describe)(Schema&);
    std::unique_ptr<Component> (*create)();
};

template <class C>
constexpr Entry make_entry(Kind kind, std::string_view type) {
    return {kind, type, &C::describe,
            []() -> std::unique_ptr<Component> { return std::make_unique<C>(); }};
}

// Compiler ABI and standard library: what must match for C++ to pass the border.
#define NARROWS_TEXT_(x) #x
#define NARROWS_TEXT(x) NARROWS_TEXT_(x)
#if defined(_GLIBCXX_USE_CXX11_ABI)
#define NARROWS_FINGERPRINT                                                      \
    "itanium-" NARROWS_TEXT(__GXX_ABI_VERSION) " libstdc++-cxx11=" NARROWS_TEXT( \
        _GLIBCXX_USE_CXX11_ABI) " ptr" NARROWS_TEXT(__SIZEOF_POINTER__)
#else
#define NARROWS_FINGERPRINT \
    "itanium-" NARROWS_TEXT(__GXX_ABI_VERSION) " libc++ ptr" NARROWS_TEXT(__SIZEOF_POINTER__)
#endif

// The ELF note's content. The first four fields never move.
struct PluginNote {
    std::uint32_t bytes;  // of this structure
    std::uint32_t abi_major;
    std::uint32_t abi_minor;
    std::uint32_t entry_bytes;  // sizeof(Entry)
    char fingerprint[64];
    char name[32];
    char plugin_version[16];
};
struct PluginElfNote {
    std::uint32_t name_size = 8;
    std::uint32_t content_size = sizeof(PluginNote);
    std::uint32_t type = 1;
    char owner[8] = {'n', 'a', 'r', 'r', 'o', 'w', 's', 0};
    PluginNote content;
};

struct PluginInfo {
    std::string_view name, version, summary;
    const Entry* entries;
    std::size_t entry_count;
};

}  // namespace narrows

#define NARROWS_NODE(Class, type) ::narrows::make_entry<Class>(::narrows::Kind::node, type)
#define NARROWS_MODEL(Class, type) ::narrows::make_entry<Class>(::narrows::Kind::model, type)
#define NARROWS_LAYER(Class, type) ::narrows::make_entry<Class>(::narrows::Kind::layer, type)
#define NARROWS_FORMAT(Class, type) ::narrows::make_entry<Class>(::narrows::Kind::format, type)

// A test may pretend to be built for another ABI.
#if !defined(NARROWS_PLUGIN_ABI_MAJOR)
#define NARROWS_PLUGIN_ABI_MAJOR ::narrows::abi_major
#endif

// Note and entry point of a plugin whose list is made by `function`, a const PluginInfo*().
#define NARROWS_PLUGIN_FROM(plugin_name, plugin_version_text, function)                     \
    extern "C" {                                                                            \
    extern const ::narrows::PluginElfNote narrows_note;                                     \
    __attribute__((section(".note.narrows"), used, aligned(4)))                             \
    const ::narrows::PluginElfNote narrows_note{                                            \
        8,                                                                                  \
        sizeof(::narrows::PluginNote),                                                      \
        1,                                                                                  \
        {'n', 'a', 'r', 'r', 'o', 'w', 's', 0},                                             \
        {sizeof(::narrows::PluginNote), NARROWS_PLUGIN_ABI_MAJOR, ::narrows::abi_minor,     \
         sizeof(::narrows::Entry), NARROWS_FINGERPRINT, plugin_name, plugin_version_text}}; \
    NARROWS_PUBLIC const ::narrows::PluginInfo* narrows_plugin() {                          \
        return function();                                                                  \
    }                                                                                       \
    }

// NARROWS_PLUGIN("noise", "0.1.0", "Corruption nodes", NARROWS_NODE(Gaussian, "corrupt.gaussian"))
#define NARROWS_PLUGIN(plugin_name, plugin_version_text, plugin_summary, ...) \
    namespace {                                                               \
    constexpr ::narrows::Entry narrows_entries[] = {__VA_ARGS__};             \
    constexpr ::narrows::PluginInfo narrows_info{                             \
        plugin_name, plugin_version_text, plugin_summary, narrows_entries,    \
        sizeof narrows_entries / sizeof *narrows_entries};                    \
    const ::narrows::PluginInfo* narrows_list() {                             \
        return &narrows_info;                                                 \
    }                                                                         \
    }                                                                         \
    NARROWS_PLUGIN_FROM(plugin_name, plugin_version_text, narrows_list)
