#include "pipeline/storage/exact_values.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <cstring>

namespace narrows::storage::h5 {
namespace {

constexpr std::size_t most_bytes = 1u << 20, most_names = 256;

// Which dataset's axes belong to which scales: made anew.
bool is_of_scales(const std::string& name) {
    return name == "DIMENSION_LIST" || name == "REFERENCE_LIST";
}

std::optional<ExactType> exact_type(hid_t type) {
    ExactType exact;
    switch (H5Tget_class(type)) {
        case H5T_STRING:
            exact.utf8 = H5Tget_cset(type) == H5T_CSET_UTF8;
            exact.padding =
                static_cast<std::uint8_t>(std::max(0, static_cast<int>(H5Tget_strpad(type))));
            exact.kind = H5Tis_variable_str(type) > 0 ? ExactType::Kind::variable_text
                                                      : ExactType::Kind::fixed_text;
            exact.text_bytes = exact.kind == ExactType::Kind::fixed_text ? H5Tget_size(type) : 0;
            return exact;
        case H5T_ENUM: {
            const Handle base(H5Tget_super(type));
            const std::optional<Numeric> number = numeric_of(base);
            exact.names = names_of(type);
            if (!number || exact.names.empty()) return std::nullopt;
            exact.number = *number;
            return exact;
        }
        default: {
            const std::optional<Numeric> number = numeric_of(type);
            if (!number) return std::nullopt;
            exact.number = *number;
            return exact;
        }
    }
}

Handle named_type(Numeric number, const std::vector<std::pair<std::string, std::int64_t>>& names) {
    Handle type(H5Tenum_create(stored_type(number)));
    for (const auto& [name, value] : names)  // little-endian, as the machine is
        H5Tenum_insert(type, name.c_str(), &value);
    return type;
}

Handle text_type(std::size_t bytes, std::uint8_t padding, bool utf8) {
    Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type, bytes);
    H5Tset_strpad(type, static_cast<H5T_str_t>(padding));
    H5Tset_cset(type, utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    return type;
}

Handle handle_of(const ExactType& type) {
    switch (type.kind) {
        case ExactType::Kind::fixed_text:
            return text_type(std::max<std::size_t>(1, type.text_bytes), type.padding, type.utf8);
        case ExactType::Kind::variable_text:
            return text_type(H5T_VARIABLE, type.padding, type.utf8);
        case ExactType::Kind::number:
            break;
    }
    return type.names.empty() ? Handle(H5Tcopy(stored_type(type.number)))
                              : named_type(type.number, type.names);
}

// The texts one after another, each with a 0 behind it.
bool read_texts(hid_t attribute, hid_t type, hid_t space, std::size_t count,
                std::vector<std::byte>& values) {
    std::vector<char*> texts(count, nullptr);
    if (H5Aread(attribute, type, texts.data()) < 0) return false;
    for (const char* text : texts) {
        const std::size_t bytes = text == nullptr ? 0 : ::strnlen(text, most_bytes);
        const auto* from = reinterpret_cast<const std::byte*>(text);
        if (values.size() + bytes <= most_bytes) values.insert(values.end(), from, from + bytes);
        values.push_back(std::byte{0});
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts.data());
    return values.size() <= most_bytes;
}

// Empty: read; else why not.
std::string read_exact(hid_t attribute, ExactAttribute& out) {
    const Handle type(H5Aget_type(attribute)), space(H5Aget_space(attribute));
    const std::optional<ExactType> exact = exact_type(type);
    if (!exact) return "its type";
    out.type = *exact;
    out.null = H5Sget_simple_extent_type(space) == H5S_NULL;
    if (out.null) return {};
    hsize_t extents[H5S_MAX_RANK] = {};
    const int rank = H5Sget_simple_extent_dims(space, extents, nullptr);
    if (rank < 0 || rank > static_cast<int>(Shape::max_rank)) return "its shape";
    out.extents.assign(extents, extents + rank);
    const hssize_t points = H5Sget_simple_extent_npoints(space);
    const Handle memory = handle_of(out.type);
    const std::size_t one = std::max<std::size_t>(1, H5Tget_size(memory));
    if (points < 0 || static_cast<std::size_t>(points) > most_bytes / one) return "its size";
    if (points == 0) return {};
    if (out.type.kind == ExactType::Kind::variable_text)
        return read_texts(attribute, memory, space, static_cast<std::size_t>(points), out.values)
                   ? ""
                   : "its size";
    out.values.resize(static_cast<std::size_t>(points) * one);
    return H5Aread(attribute, memory, out.values.data()) < 0 ? "it cannot be read" : "";
}

}  // namespace

FoundAttributes exact_attributes(hid_t object, const std::string& what,
                                 std::vector<std::string>& left_out) {
    FoundAttributes out;
    std::size_t bytes = 0;
    const AttributeNames found = attribute_names(object);
    out.whole = found.whole;
    if (!found.whole) left_out.push_back("attributes of " + what + ": they cannot be listed");
    for (const std::string& name : found.names) {
        if (is_of_scales(name)) continue;
        ExactAttribute attribute;
        attribute.name = name;
        const Handle opened(H5Aopen(object, name.c_str(), H5P_DEFAULT));
        const std::string problem =
            opened.valid() ? read_exact(opened, attribute) : "it cannot be opened";
        out.whole &= opened.valid();
        bytes += name.size() + attribute.values.size();
        if (!problem.empty())
            left_out.push_back("attribute " + name + " of " + what + ": " + problem);
        else if (bytes > most_bytes)
            left_out.push_back("attribute " + name + " of " + what + ": more than 1 MiB of them");
        else
            out.all.push_back(std::move(attribute));
    }
    H5Eclear2(H5E_DEFAULT);
    return out;
}

std::vector<std::vector<std::string>> scales_of(hid_t dataset) {
    std::vector<std::vector<std::string>> out;
    if (H5Aexists(dataset, "DIMENSION_LIST") <= 0) return out;
    const Handle attribute(H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT));
    const Handle stored(H5Aget_type(attribute)), space(H5Aget_space(attribute));
    const hssize_t axes = H5Sget_simple_extent_npoints(space);
    if (H5Tget_class(stored) != H5T_VLEN || axes < 1 ||
        axes > static_cast<hssize_t>(Shape::max_rank))
        return out;
    const Handle memory(H5Tvlen_create(H5T_STD_REF_OBJ));
    std::vector<hvl_t> lists(static_cast<std::size_t>(axes));
    if (H5Aread(attribute, memory, lists.data()) >= 0) {
        for (const hvl_t& list : lists) {
            std::vector<std::string>& paths = out.emplace_back();
            const auto* references = static_cast<const hobj_ref_t*>(list.p);
            for (std::size_t i = 0; i < std::min<std::size_t>(list.len, 16); ++i) {
                char name[4096] = {};
                if (H5Rget_name(dataset, H5R_OBJECT, &references[i], name, sizeof name) > 0)
                    paths.emplace_back(name);
            }
        }
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, lists.data());
    }
    H5Eclear2(H5E_DEFAULT);
    return out;
}

std::vector<std::pair<std::string, std::int64_t>> names_of(hid_t type) {
    std::vector<std::pair<std::string, std::int64_t>> out;
    if (H5Tget_class(type) != H5T_ENUM) return out;
    const int count = H5Tget_nmembers(type);
    const Handle stored(H5Tget_super(type));
    if (count < 1 || count > static_cast<int>(most_names)) return out;
    for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
        std::int64_t value[2] = {};  // room for what the conversion needs
        char* name = H5Tget_member_name(type, i);
        const bool read = name != nullptr && H5Tget_size(stored) <= sizeof value[0] &&
                          H5Tget_member_value(type, i, value) >= 0 &&
                          H5Tconvert(stored, H5T_NATIVE_INT64, 1, value, nullptr, H5P_DEFAULT) >= 0;
        if (read) out.emplace_back(name, value[0]);
        H5free_memory(name);
        if (!read) return {};
    }
    return out;
}

std::vector<std::byte> fill_of(hid_t dataset, const ArrayInfo& info) {
    const Handle list(H5Dget_create_plist(dataset));
    H5D_fill_value_t state = H5D_FILL_VALUE_UNDEFINED;
    if (!info.numeric || H5Pfill_value_defined(list, &state) < 0 ||
        state != H5D_FILL_VALUE_USER_DEFINED)
        return {};
    std::vector<std::byte> fill(size_of(info.type));
    const Handle type = type_of(info);
    if (H5Pget_fill_value(list, type, fill.data()) < 0) fill.clear();
    H5Eclear2(H5E_DEFAULT);
    return fill;
}

Handle type_of(const ArrayInfo& info) {
    if (!info.numeric) return text_type(info.value_bytes, H5T_STR_NULLPAD, true);
    return info.beside.names.empty() ? Handle(H5Tcopy(stored_type(info.type)))
                                     : named_type(info.type, info.beside.names);
}

void put(hid_t object, const ExactAttribute& attribute, const std::filesystem::path& path) {
    const Handle type = handle_of(attribute.type);
    std::vector<hsize_t> extents(attribute.extents.begin(), attribute.extents.end());
    const Handle space(attribute.null    ? H5Screate(H5S_NULL)
                       : extents.empty() ? H5Screate(H5S_SCALAR)
                                         : H5Screate_simple(static_cast<int>(extents.size()),
                                                            extents.data(), nullptr));
    const Handle made(
        H5Acreate2(object, attribute.name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
    bool right = made.valid();
    if (right && attribute.type.kind == ExactType::Kind::variable_text) {
        std::vector<const char*> texts;
        for (std::size_t at = 0; at < attribute.values.size();) {
            texts.push_back(reinterpret_cast<const char*>(attribute.values.data()) + at);
            at += std::strlen(texts.back()) + 1;
        }
        if (!texts.empty()) right = H5Awrite(made, type, texts.data()) >= 0;
    } else if (right && !attribute.values.empty()) {
        right = H5Awrite(made, type, attribute.values.data()) >= 0;
    }
    if (!right) fail_write(path, "attribute " + attribute.name);
}

void put_groups(hid_t file, const FileBeside& beside, const std::filesystem::path& path) {
    const Handle links(H5Pcreate(H5P_LINK_CREATE)), list = group_list();
    H5Pset_create_intermediate_group(links, 1);
    for (const ExactGroup& group : beside.groups) {
        const Handle made(H5Lexists(file, group.path.c_str(), H5P_DEFAULT) > 0
                              ? H5Gopen2(file, group.path.c_str(), H5P_DEFAULT)
                              : H5Gcreate2(file, group.path.c_str(), links, list, H5P_DEFAULT));
        if (!made.valid()) fail_write(path, "group " + group.path);
        for (const ExactAttribute& attribute : group.attributes) put(made, attribute, path);
    }
}

void set_fill(hid_t creation_list, const ArrayInfo& info) {
    if (info.beside.fill.empty()) return;
    const Handle type = type_of(info);
    H5Pset_fill_value(creation_list, type, info.beside.fill.data());
}

void put_links(hid_t file, const FileBeside& beside, const std::filesystem::path& path) {
    const Handle links(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(links, 1);
    for (const ExactLink& link : beside.links) {
        if (H5Lexists(file, link.path.c_str(), H5P_DEFAULT) > 0) continue;
        const herr_t made = link.soft ? H5Lcreate_soft(link.target.c_str(), file, link.path.c_str(),
                                                       links, H5P_DEFAULT)
                                      : H5Lcreate_hard(file, link.target.c_str(), file,
                                                       link.path.c_str(), links, H5P_DEFAULT);
        if (made < 0 && H5Lexists(file, link.target.c_str(), H5P_DEFAULT) > 0)
            fail_write(path, "link " + link.path);
    }
    H5Eclear2(H5E_DEFAULT);
}

void attach_scales(hid_t file, const std::string& dataset,
                   const std::vector<std::vector<std::string>>& scales) {
    const Handle opened(H5Dopen2(file, dataset.c_str(), H5P_DEFAULT));
    for (std::size_t axis = 0; axis < scales.size(); ++axis)
        for (const std::string& path : scales[axis]) {
            if (path == dataset || H5Lexists(file, path.c_str(), H5P_DEFAULT) <= 0) continue;
            const Handle scale(H5Dopen2(file, path.c_str(), H5P_DEFAULT));
            if (scale.valid()) H5DSattach_scale(opened, scale, static_cast<unsigned>(axis));
        }
    H5Eclear2(H5E_DEFAULT);
}

std::uint64_t bytes_of(const ExactAttributes& attributes) {
    std::uint64_t bytes = 1024;
    for (const ExactAttribute& attribute : attributes)
        bytes += 256 + attribute.name.size() + 2 * attribute.values.size();
    return bytes;
}

}  // namespace narrows::storage::h5
