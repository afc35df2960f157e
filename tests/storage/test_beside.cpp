// What stands beside values: attributes of every kind, links, scales and groups are carried into
// copies as they are, and what cannot be is named.
#include <algorithm>
#include <sstream>

#include "pipeline/storage/compressed_writer.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;

namespace {

// One line for each attribute, link, scale and group of a file.
constexpr const char* list_all = R"(
def show(value):
    return value.tolist() if hasattr(value, 'tolist') else value
def attributes(name, obj):
    for key in sorted(obj.attrs):
        if key in ('DIMENSION_LIST', 'REFERENCE_LIST', 'CLASS', 'NAME'): continue
        a = h5py.h5a.open(obj.id, key.encode())
        t = a.get_type()
        kind = t.get_class()
        members = [(t.get_member_name(i), t.get_member_value(i)) for i in range(t.get_nmembers())] if kind == h5py.h5t.ENUM else ''
        padding = (t.get_strpad(), t.get_cset()) if kind == h5py.h5t.STRING else ''
        value = obj.attrs[key]
        print(name, key, kind, t.get_size(), padding, members, a.get_space().get_simple_extent_type(), a.shape, 'Empty' if isinstance(value, h5py.Empty) else show(value))
def walk(group, prefix):
    for key in sorted(group):
        link = group.get(key, getlink=True)
        name = prefix + '/' + key
        if isinstance(link, h5py.SoftLink): print(name, '->', link.path); continue
        if isinstance(link, h5py.ExternalLink): continue
        obj = group[key]
        if isinstance(obj, h5py.Datatype): continue
        attributes(name, obj)
        if isinstance(obj, h5py.Group): walk(obj, name)
        else:
            print(name, obj.dtype, obj.shape, obj.fillvalue, obj.id.get_create_plist().fill_value_defined())
            print(name, 'scales', [[s.name for s in d.values()] for d in obj.dims])
f = h5py.File(path, 'r')
attributes('/', f)
walk(f, '')
print('same', f['again'] == f['x'])
)";

constexpr const char* make = R"(
f = h5py.File(path, 'w', libver='latest')
x = f.create_dataset('x', data=np.arange(12, dtype='i2').reshape(3, 4), fillvalue=-1)
a = x.attrs
a['null'] = h5py.Empty('f4')
a['null_text'] = h5py.Empty(h5py.string_dtype())
a['none'] = np.zeros((0,), 'i4')
a['no_texts'] = np.array([], dtype=h5py.string_dtype())
a['square'] = np.arange(6, dtype='>f8').reshape(2, 3)
a['half'] = np.float16(0.5)
a['flag'] = True
a['flags'] = np.array([True, False])
a.create('choice', 2, dtype=h5py.enum_dtype({'low': -1, 'mid': 0, 'high': 2}, 'i4'))
a['text'] = 'a text'
a['texts'] = ['one', '', 'three']
a['fixed'] = np.array([b'one', b'three'])
a['ascii'] = np.bytes_(b'plain')
a['wide'] = np.array([1.5], 'f8')
t = h5py.h5t.C_S1.copy(); t.set_size(6); t.set_strpad(h5py.h5t.STR_SPACEPAD)
s = h5py.h5a.create(x.id, b'padded', t, h5py.h5s.create(h5py.h5s.SCALAR))
s.write(np.array(b'ab    ', 'S6'), mtype=t)
f['again'] = x
f['group/inside/y'] = np.arange(3.0)
f['group/inside/again'] = x
f['group'].attrs['of_group'] = 5
f['group/inside'].attrs['deep'] = 'yes'
f['group/back'] = f['group/inside']
f['soft'] = h5py.SoftLink('/group/inside/y')
f['group/dangling'] = h5py.SoftLink('nowhere')
f['names'] = np.array([1, 0, 1], dtype=h5py.enum_dtype({'no': 0, 'yes': 1}, 'u1'))
f['time'] = np.arange(3.0)
f['day'] = np.arange(3.0)
f['time'].make_scale('t'); f['day'].make_scale('d')
x.dims[0].attach_scale(f['time']); x.dims[0].attach_scale(f['day'])
f.create_group('empty')
f['words'] = np.array([b'ab', b'c'])
f.attrs['title'] = 'everything'
)";

std::vector<std::string> sorted_lines(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

}  // namespace

TEST_CASE("a copy has all that stood beside the values, as it was", "[whole][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "a.h5", make) == "");
    const std::string before = python(folder / "a.h5", list_all);
    REQUIRE(before.find("failed") == std::string::npos);

    CHECK(repack(folder / "a.h5", folder / "b.h5") == std::vector<std::string>{});

    std::istringstream left(before), right(python(folder / "b.h5", list_all));
    for (std::string a, b; std::getline(left, a);) {
        std::getline(right, b);
        CHECK(a == b);
    }
    CHECK(check_file(folder / "b.h5").problems.empty());
}

TEST_CASE("what cannot be carried into a copy is named, with the reason", "[whole][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "a.h5", R"(
f = h5py.File(path, 'w', libver='latest')
f['x'] = np.arange(3.0)
a = f['x'].attrs
a['compound'] = np.zeros(2, dtype=[('a', 'f4'), ('b', 'i4')])
a['reference'] = f['x'].ref
a['lists'] = np.array([np.arange(3), np.arange(2)], dtype=h5py.vlen_dtype('i4'))
a.create('many_names', 1, dtype=h5py.enum_dtype({f'n{i}': i for i in range(300)}, 'i4'))
a.create('deep', np.zeros((1,) * 9))
a['large'] = np.zeros(2**20 // 8 + 1)
a['long'] = 'x' * (2**20 + 1)
a['most'] = np.zeros(2**20 // 8 - 100)
a['rest'] = np.zeros(200)
a['wide_enum'] = np.zeros(0, dtype=h5py.enum_dtype({'a': 1}, 'i8'))
f['type'] = np.dtype('f4')
f['compound'] = np.zeros(3, dtype=[('a', 'f4')])
f['deep'] = np.zeros((1,) * 9)
f['null'] = h5py.Empty('f4')
f['odd'] = np.zeros(3, dtype='S2')
f['out'] = h5py.ExternalLink('other.h5', '/x')
f['far'] = h5py.SoftLink('/' + 'x' * 5000)
t = h5py.h5t.STD_I32LE.copy(); t.set_precision(20)
h5py.h5d.create(f.id, b'bits', t, h5py.h5s.create_simple((3,)))
)") == "");

    const std::vector<std::string> lines = sorted_lines(repack(folder / "a.h5", folder / "b.h5"));

    const std::string type = "its type", size = "its size", of_x = " of /x: ";
    CHECK(lines ==
          sorted_lines({"attribute compound" + of_x + type, "attribute reference" + of_x + type,
                        "attribute lists" + of_x + type, "attribute many_names" + of_x + type,
                        "attribute deep" + of_x + "its shape", "attribute large" + of_x + size,
                        "attribute long" + of_x + size,
                        "attribute rest" + of_x + "more than 1 MiB of them", "/type: a named type",
                        "/compound: values of its type or shape",
                        "/deep: values of its type or shape", "/null: values of its type or shape",
                        "/bits: values of its type or shape", "/out: a link to another file",
                        "/far: a link to another file"}));
    CHECK(look(folder / "b.h5").arrays.size() == 2);
}

TEST_CASE("a damaged list of scales leaves the values and the other lists", "[whole][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "a.h5", R"(
f = h5py.File(path, 'w')
for name in ('t', 'u'): f[name] = np.arange(3.0); f[name].make_scale(name)
for name in ('good', 'number', 'axes', 'numbers', 'gone', 'itself'):
    d = f.create_dataset(name, data=np.arange(3.0))
    if name == 'good': d.dims[0].attach_scale(f['t'])
    if name == 'gone': d.dims[0].attach_scale(f['u'])
del f['u']
f['number'].attrs['DIMENSION_LIST'] = 3
f['axes'].attrs.create('DIMENSION_LIST', np.array([f['t'].ref] * 9, dtype=h5py.ref_dtype))
one = np.empty(1, dtype=object)
one[0] = np.arange(3, dtype='i4')
f['numbers'].attrs.create('DIMENSION_LIST', one, dtype=h5py.vlen_dtype('i4'))
many = np.empty(9, dtype=object)
for i in range(9): many[i] = np.array([f['t'].ref], dtype=h5py.ref_dtype)
f['itself'].attrs.create('DIMENSION_LIST', many, dtype=h5py.vlen_dtype(h5py.ref_dtype))
)") == "");

    const FileInfo info = look(folder / "a.h5");
    for (const ArrayInfo& array : info.arrays) {
        INFO(array.path);
        std::size_t scales = 0;
        for (const auto& axis : array.beside.scales) scales += axis.size();
        CHECK(scales == (array.path == "/good" ? 1 : 0));
    }
    repack(folder / "a.h5", folder / "b.h5");
    CHECK(look(folder / "b.h5").arrays.size() == info.arrays.size());
}

TEST_CASE("attributes without a value, with too much or none of a kind are read as far as they go",
          "[foreign][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    REQUIRE(python(folder / "a.h5", R"(
f = h5py.File(path, 'w', libver='latest')
scalar = h5py.h5s.create(h5py.h5s.SCALAR)
words = h5py.h5t.C_S1.copy(); words.set_size(h5py.h5t.VARIABLE)
h5py.h5a.create(f.id, b'unwritten', words, scalar)
h5py.h5a.create(f.id, b'unwritten_list', words, h5py.h5s.create_simple((2,)))
spaces = h5py.h5t.C_S1.copy(); spaces.set_size(4); spaces.set_strpad(h5py.h5t.STR_SPACEPAD)
h5py.h5a.create(f.id, b'spaces', spaces, scalar).write(np.array(b'    ', 'S4'), mtype=spaces)
f.attrs['long'] = np.bytes_(b'x' * 70_000)
f.attrs['format'] = 3
f['x'] = np.arange(3, dtype='i2')
f['x'].attrs['scale_factor'] = 'two'
f['x'].attrs['add_offset'] = np.float32(1)
seven = h5py.h5t.STD_U8LE.copy(); seven.set_precision(7)
h5py.h5d.create(f.id, b'seven', seven, h5py.h5s.create_simple((3,)))
h5py.h5d.create(f.id, b'big_byte', h5py.h5t.STD_U8BE, h5py.h5s.create_simple((3,)))
h5py.h5d.create(f.id, b'big_sign', h5py.h5t.STD_I8BE, h5py.h5s.create_simple((3,)))
g = f.create_group('full')
for i in range(30): f['x'].attrs[f'a{i:02}'] = 'y' * 60_000
)") == "");

    const FileInfo info = look(folder / "a.h5");

    CHECK(info.format == "");
    std::vector<std::pair<std::string, Attribute>> found = info.attributes;
    std::sort(found.begin(), found.end());
    const std::vector<std::pair<std::string, Attribute>> expected = {
        {"format", std::int64_t{3}}, {"spaces", std::string()}, {"unwritten", std::string()}};
    CHECK((found == expected));
    std::vector<std::string> names;
    for (const ArrayInfo& array : info.arrays) names.push_back(array.path);
    CHECK(names == std::vector<std::string>{"/big_byte", "/big_sign", "/x"});
    CHECK(info.arrays[0].type == Numeric::u8);
    CHECK(info.arrays[1].type == Numeric::i8);
    CHECK(info.arrays[2].scale_factor == 1);
    CHECK(info.arrays[2].add_offset == 1);
    CHECK(info.arrays[2].attributes.size() == 2 + 17);  // 1 MiB of them
}
