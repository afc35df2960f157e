// Files made of what another one told: what cannot be is an error of writing, never half a file.
#include <cstring>

#include "pipeline/storage/exact_values.hpp"
#include "pipeline/storage/header.hpp"
#include "pipeline/storage/link_parts.hpp"
#include "pipeline/storage/restored_writer.hpp"
#include "tests/catch.hpp"
#include "tests/storage/support.hpp"

using namespace narrows;
using namespace narrows::storage;
using namespace storage_test;
namespace fs = std::filesystem;

namespace {

ExactAttribute number(const std::string& name, Numeric type) {
    ExactAttribute one;
    one.name = name;
    one.type.number = type;
    one.values.resize(size_of(type));
    return one;
}

ArrayInfo array(const std::string& path, const Shape& shape) {
    ArrayInfo info;
    info.path = path;
    info.type = Numeric::f32;
    info.shape = shape;
    info.value_bytes = 4;
    return info;
}

std::string error_of_writing(const FileInfo& info) {
    const Folder folder;
    const std::string error = error_of([&] {
        RestoredWriter out(folder / "x.h5", info);
        out.commit();
        CHECK(look(folder / "x.h5").arrays.size() == info.arrays.size());
    });
    CHECK(entries(folder.path()) == (error == "none" ? 1 : 0));
    const std::string start = "1|cannot write \"" + (folder / "x.h5").string() + "\": ";
    return error.starts_with(start) ? error.substr(start.size()) : error;
}

}  // namespace

TEST_CASE("attributes, groups and links that HDF5 does not take are named", "[restored]") {
    FileInfo info;
    info.arrays = {array("/group/x", {2})};
    info.beside.groups = {{"/group", {number("a", Numeric::i8)}}, {"/group", {}}};
    CHECK(error_of_writing(info) == "none");

    info.beside.attributes = {number("a", Numeric::f32)};
    info.beside.attributes[0].type.names = {{"yes", 1}};  // HDF5's names are of integers
    CHECK(error_of_writing(info).starts_with("attribute a"));
    info.beside.attributes = {number("a", Numeric::f32), number("a", Numeric::f32)};
    CHECK(error_of_writing(info).starts_with("attribute a"));
    info.beside.attributes.clear();
    info.arrays[0].beside.attributes = {number("a", Numeric::i8), number("a", Numeric::i8)};
    CHECK(error_of_writing(info).starts_with("attribute a"));
    info.arrays[0].beside.attributes.clear();

    info.beside.groups = {{"/group", {}}, {"/group/x/y", {}}};
    CHECK(error_of_writing(info).starts_with("dataset /group/x ("));  // groups come first
    info.arrays = {array("/group/x", {2}), array("/group/x/y", {2})};
    info.beside.groups.clear();
    CHECK(error_of_writing(info).starts_with("dataset /group/x/y"));
    info.arrays = {array("/x", {2}), array("/x/y/z", {2})};
    CHECK(error_of_writing(info).starts_with("group /x/y"));

    info.arrays = {array("/x", {2})};
    info.beside.links = {{"/again", "/x", false},
                         {"/soft", "nowhere", true},
                         {"/x", "/x", false},
                         {"/gone", "/none", false}};
    CHECK(error_of_writing(info) == "none");
    info.beside.links = {{"/x/again", "/x", false}};
    CHECK(error_of_writing(info).starts_with("link /x/again"));
    info.beside.links.clear();

    info.arrays[0].beside.scales = {{"/x", "/none"}, {"/again"}};
    CHECK(error_of_writing(info) == "none");
    info.beside.damaged = {"it is damaged"};
    CHECK(error_of_writing(info) == "4|it is damaged");
}

TEST_CASE("every kind of text, and none, is written as an attribute", "[restored]") {
    const Folder folder;
    FileInfo info;
    ExactAttribute text;
    text.name = "t";
    for (const std::string value : {"", "words"}) {
        set_text(text, value);
        info.beside.attributes = {text};
        RestoredWriter out(folder / "x.h5", info);
        out.commit();
        const FileInfo found = look(folder / "x.h5");
        REQUIRE(found.attributes.size() == 1);
        CHECK(found.attributes[0].second == Attribute(value));
    }
}

TEST_CASE("a part that is another file by now is refused", "[join]") {
    const Folder folder;
    FileInfo info;
    info.arrays = {array("/x", {2, 3})};
    RestoredWriter out(folder / "x.h5", info);
    out.commit();
    const ArrayFile file(folder / "x.h5");
    CHECK(open_as(file, info.arrays[0])->info().shape == Shape{2, 3});
    const auto changed = [&](const std::function<void(ArrayInfo&)>& change) {
        ArrayInfo seen = info.arrays[0];
        change(seen);
        return error_of([&] { open_as(file, seen); }).ends_with("\" was changed while it was read");
    };
    CHECK(changed([](ArrayInfo& seen) { seen.shape = {2, 4}; }));
    CHECK(changed([](ArrayInfo& seen) { seen.type = Numeric::i32; }));
    CHECK(changed([](ArrayInfo& seen) { seen.numeric = false; }));
    CHECK(changed([](ArrayInfo& seen) { seen.value_bytes = 8; }));
}

namespace {

// Makes the header true of what the file holds now.
void vouch(const fs::path& path) {
    const Descriptor file = open_to_write(path);
    const Hash128 hash =
        hash_file(file.number(), header_bytes, file_bytes(file.number(), path), path);
    write_header(file.number(), {1}, hash, path);
}

}  // namespace

TEST_CASE("a model whose header is right and whose contents are not is refused", "[bundle][h5py]") {
    if (!has_h5py()) return;
    const Folder folder;
    const fs::path path = folder / "m.h5";
    const auto with = [&](const std::string& code) {
        write_bundle(path, sample_bundle(1, 400));
        CHECK(python(path, "f = h5py.File(path, 'r+')\ng = f['model/encoder.0']\n" + code +
                               "\nf.close()") == "");
        vouch(path);
        return error_of([&] { (void)read_bundle(path, "narrows-checkpoint"); });
    };
    const std::string start = "4|\"" + path.string() + "\": ";
    CHECK(with("g['more'] = np.dtype('f4')") == "none");
    CHECK(with("g['short'] = np.zeros(3, 'i2')")
              .starts_with(start + "dataset /model/encoder.0/short has a type that no narrows"));
    CHECK(with("g.create_dataset('more', data=np.zeros(4, 'f4'), chunks=(2,))")
              .starts_with(start + "dataset /model/encoder.0/more is not contiguous"));
    CHECK(with("g['weight'].attrs['xxh3_64'] = '0' * 16")
              .starts_with(start + "array /model/encoder.0/weight fails its checksum"));
    CHECK(with("del g['weight'].attrs['xxh3_64']")
              .starts_with(start + "array /model/encoder.0/weight fails its checksum"));
    CHECK(with("g['out'] = h5py.SoftLink('/nowhere')").starts_with(start + "/model/encoder.0/out"));
    CHECK(with("f.attrs['format'] = 3").ends_with("is a , expected a narrows-checkpoint"));

    Bundle bundle = sample_bundle(1, 400);
    CHECK(bundle.attribute("none") == nullptr);
    CHECK(bundle.find("/nothing") == nullptr);
    bundle.arrays[0].bytes.pop_back();
    CHECK(error_of([&] {
              write_bundle(path, bundle);
          }).starts_with("1|array /model/encoder.0/weight has 1599 bytes, its shape"));
}

TEST_CASE("a header of another version or length is refused by that", "[bundle]") {
    const Folder folder;
    const fs::path path = folder / "m.h5";
    write_bundle(path, sample_bundle(1, 400));
    const std::vector<std::byte> good = bytes_of(path);
    const auto with = [&](std::size_t at) {
        std::vector<std::byte> bad = good;
        bad[at] = std::byte{2};
        const std::uint64_t sum = hash_64(bad.data(), header_bytes - sizeof sum);
        std::memcpy(bad.data() + header_bytes - sizeof sum, &sum, sizeof sum);
        put_bytes(path, bad);
        return error_of([&] { (void)read_bundle(path, ""); });
    };
    CHECK(with(8).find("\" has a header of version 2; narrows ") != std::string::npos);
    CHECK(with(12).ends_with("\" is damaged: its header has an impossible length"));
}

TEST_CASE("what HDF5 refuses is told with the file and the part of it", "[restored]") {
    const h5::Library library;
    CHECK(error_of([] { h5::read_ok(-1, "x.h5", "group /g"); }) == "4|\"x.h5\": group /g");
    CHECK(error_of([] { h5::write_ok(-1, "x.h5", "group /g"); }) ==
          "1|cannot write \"x.h5\": group /g");
    CHECK(error_of([] {
              h5::put(-1, "a", Attribute(0.5), "x.h5");
          }).starts_with("1|cannot write \"x.h5\": attribute a ("));
    const Folder folder;
    CHECK(error_of([&] {
              h5::open_to_change(folder / "none.h5", {});
          }).starts_with("1|cannot write"));
    put_bytes(folder / "text.h5", std::vector<std::byte>(100, std::byte{'a'}));
    CHECK(error_of([&] { h5::open(folder / "text.h5"); }).find("is not an HDF5 file") !=
          std::string::npos);
    CHECK(error_of([&] { h5::create(folder / "none/x.h5", {}); }).starts_with("1|cannot write"));
    CHECK(!h5::get(-1, "a"));
    CHECK(h5::text_or(Attribute(0.5), "else") == "else");
    CHECK(!h5::number(Attribute(std::string("1"))));
    H5Eclear2(H5E_DEFAULT);
}
