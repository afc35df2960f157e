// Types and attributes: what HDF5 calls them and what we do.
#include <algorithm>
#include <cstring>

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"

namespace narrows::storage {

std::string to_string(Numeric type) {
    static constexpr const char* names[] = {"i8",  "u8",  "i16", "u16", "i32", "u32",
                                            "i64", "u64", "f16", "f32", "f64"};
    return names[static_cast<std::size_t>(type)];
}

std::size_t size_of(Numeric type) {
    static constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
    return sizes[static_cast<std::size_t>(type)];
}

namespace h5 {

namespace {

constexpr std::size_t longest_text = 64 * 1024;  // an attribute beyond this is not for us
constexpr std::size_t most_attributes = 1000, most_attribute_bytes = 1u << 20;
constexpr Numeric all_types[] = {Numeric::i8,  Numeric::u8,  Numeric::i16, Numeric::u16,
                                 Numeric::i32, Numeric::u32, Numeric::i64, Numeric::u64,
                                 Numeric::f16, Numeric::f32, Numeric::f64};

// IEEE half precision, as h5py and netCDF write it.
hid_t half_type() {
    static const hid_t type = [] {
        const hid_t made = H5Tcopy(H5T_IEEE_F32LE);
        H5Tset_fields(made, 15, 10, 5, 0, 10);
        H5Tset_size(made, 2);
        H5Tset_ebias(made, 15);
        return made;
    }();
    return type;
}

std::string trimmed(std::string text) {
    text.resize(std::min(text.size(), text.find('\0')));
    return text;
}

std::optional<Attribute> read_text(hid_t attribute, hid_t type) {
    if (H5Tis_variable_str(type) > 0) {
        char* borrowed = nullptr;
        const Handle memory(H5Tcopy(H5T_C_S1));
        H5Tset_size(memory, H5T_VARIABLE);
        H5Tset_cset(memory, H5Tget_cset(type));
        if (H5Aread(attribute, memory, &borrowed) < 0) return std::nullopt;
        std::string text(borrowed == nullptr ? "" : borrowed,
                         borrowed == nullptr ? 0 : ::strnlen(borrowed, longest_text));
        H5free_memory(borrowed);
        return text;
    }
    const std::size_t size = H5Tget_size(type);
    if (size == 0 || size > longest_text) return std::nullopt;
    std::string text(size, '\0');
    if (H5Aread(attribute, type, text.data()) < 0) return std::nullopt;
    text = trimmed(std::move(text));
    if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
        while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

std::optional<Attribute> read_value(hid_t attribute) {
    const Handle type(H5Aget_type(attribute)), space(H5Aget_space(attribute));
    if (H5Sget_simple_extent_type(space) == H5S_NULL || H5Sget_simple_extent_npoints(space) != 1)
        return std::nullopt;
    switch (H5Tget_class(type)) {
        case H5T_STRING:
            return read_text(attribute, type);
        case H5T_INTEGER: {
            std::int64_t value = 0;
            if (H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0) return std::nullopt;
            return value;
        }
        case H5T_FLOAT: {
            double value = 0;
            if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) return std::nullopt;
            return value;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace

hid_t stored_type(Numeric type) {
    const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_U8LE,   H5T_STD_I16LE, H5T_STD_U16LE,
                           H5T_STD_I32LE, H5T_STD_U32LE,  H5T_STD_I64LE, H5T_STD_U64LE,
                           half_type(),   H5T_IEEE_F32LE, H5T_IEEE_F64LE};
    return types[static_cast<std::size_t>(type)];
}

hid_t stored_type(Type type) {
    switch (type) {
        case Type::f32:
            return H5T_IEEE_F32LE;
        case Type::f64:
            return H5T_IEEE_F64LE;
        case Type::i64:
            return H5T_STD_I64LE;
        case Type::i32:
            return H5T_STD_I32LE;
        case Type::u8:
            break;
    }
    return H5T_STD_U8LE;
}

std::optional<Numeric> numeric_of(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) return std::nullopt;
    const Handle little(H5Tcopy(type));
    if (H5Tget_size(type) > 1 && H5Tset_order(little, H5T_ORDER_LE) < 0) return std::nullopt;
    for (const Numeric ours : all_types) {
        // Single bytes have no order: the big-endian ones are the same.
        if (H5Tequal(little, stored_type(ours)) > 0) return ours;
        if (size_of(ours) == 1 && kind == H5T_INTEGER && H5Tget_size(type) == 1 &&
            H5Tget_precision(type) == 8 && H5Tget_sign(type) == H5Tget_sign(stored_type(ours)))
            return ours;
    }
    return std::nullopt;
}

void put(hid_t object, const std::string& name, const Attribute& value,
         const std::filesystem::path& path) {
    Handle type;
    const void* data = nullptr;
    std::string text;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        type = Handle(H5Tcopy(H5T_STD_I64LE));
        data = integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
        type = Handle(H5Tcopy(H5T_IEEE_F64LE));
        data = real;
    } else {
        text = std::get<std::string>(value);
        type = Handle(H5Tcopy(H5T_C_S1));
        H5Tset_size(type, std::max<std::size_t>(text.size(), 1));
        H5Tset_strpad(type, H5T_STR_NULLPAD);
        H5Tset_cset(type, H5T_CSET_UTF8);
        data = text.data();
    }
    const Handle space(H5Screate(H5S_SCALAR));
    const Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
    if (!attribute.valid() || H5Awrite(attribute, type, data) < 0)
        fail_write(path, "attribute " + name);
}

std::optional<Attribute> get(hid_t object, const std::string& name) {
    if (H5Aexists(object, name.c_str()) <= 0) return std::nullopt;
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
    if (!attribute.valid()) return std::nullopt;
    return read_value(attribute);
}

AttributeNames attribute_names(hid_t object) {
    AttributeNames out;
    const auto each = [](hid_t, const char* name, const H5A_info_t*, void* names) -> herr_t {
        auto& found = *static_cast<std::vector<std::string>*>(names);
        found.emplace_back(name);
        return found.size() < most_attributes ? 0 : 1;
    };
    if (H5Aiterate2(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, each, &out.names) < 0) {
        out.names.clear();
        out.whole = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, each, &out.names) >= 0;
    }
    H5Eclear2(H5E_DEFAULT);
    return out;
}

bool attributes_whole(hid_t object) {
    const AttributeNames all = attribute_names(object);
    const bool open = std::all_of(all.names.begin(), all.names.end(), [&](const std::string& name) {
        return Handle(H5Aopen(object, name.c_str(), H5P_DEFAULT)).valid();
    });
    H5Eclear2(H5E_DEFAULT);
    return all.whole && open;
}

std::vector<std::pair<std::string, Attribute>> get_all(hid_t object) {
    std::vector<std::pair<std::string, Attribute>> out;
    std::size_t bytes = 0;
    for (const std::string& name : attribute_names(object).names) {
        std::optional<Attribute> value = get(object, name);
        if (!value) continue;
        const auto* text = std::get_if<std::string>(&*value);
        bytes += name.size() + (text == nullptr ? 8 : text->size());
        if (bytes > most_attribute_bytes) break;
        out.emplace_back(name, std::move(*value));
    }
    return out;
}

std::string text_or(const std::optional<Attribute>& value, std::string fallback) {
    if (!value) return fallback;
    const auto* text = std::get_if<std::string>(&*value);
    return text == nullptr ? fallback : *text;
}

std::optional<double> number(const std::optional<Attribute>& value) {
    if (!value) return std::nullopt;
    if (const auto* integer = std::get_if<std::int64_t>(&*value))
        return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&*value)) return *real;
    return std::nullopt;
}

}  // namespace h5
}  // namespace narrows::storage
