// Rows in parts, each a run of its own, and their files joined again.
#include <cstring>
#include <fstream>
#include <map>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using namespace narrows;
using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

std::filesystem::path in(const Folder& folder, const std::string& file) {
    return folder.path() / "work" / file;
}

// Every dataset but the row counter and the list of parts, as bytes by path.
std::map<std::string, std::vector<std::byte>> rows_of(const Folder& folder,
                                                      const std::string& name) {
    std::map<std::string, std::vector<std::byte>> out;
    const storage::ArrayFile file(in(folder, name));
    for (const storage::ArrayInfo& array : file.look().arrays) {
        if (array.path == "/rows_done" || array.path == "/complete" ||
            array.path.starts_with("/shards/") || array.path.starts_with("/check/"))
            continue;
        const auto reader = file.open(array.path);
        std::vector<std::byte>& bytes = out[array.path];
        bytes.resize(static_cast<std::size_t>(array.shape.elements()) * array.value_bytes);
        reader->read(0, array.shape[0], bytes.data());
    }
    return out;
}

std::map<std::string, storage::Attribute> attributes_of(const Folder& folder,
                                                        const std::string& name) {
    std::map<std::string, storage::Attribute> out;
    for (const auto& [key, value] : storage::look(in(folder, name)).attributes) out[key] = value;
    return out;
}

bool says(const Outcome& outcome, int code, const std::string& text) {
    INFO(outcome.err);
    CHECK(outcome.code == code);
    return (outcome.err + outcome.out).find(text) != std::string::npos;
}

void prepare_parts(const Folder& folder) {
    folder.must("generate digits -n 203 -o d.h5");
    folder.must("train d.h5 --model variational --latent 3 --hidden 8 --epochs 1 -o m.h5");
}

}  // namespace

TEST_CASE("the array job's parts stay the same when some are submitted again", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    folder.must("encode d.h5 -m m.h5 -o whole.h5");
    const auto job = [&](int task, int tasks, const std::string& words) {
        return folder.shell("SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=" + std::to_string(task) +
                            " SLURM_ARRAY_TASK_COUNT=" + std::to_string(tasks) +
                            " bash '" NARROWS_SOURCE_DIR "/tools/slurm/encode.sbatch' " + words);
    };
    for (const int task : {1, 3}) CHECK(job(task, 3, "d.h5 m.h5 z.d 3").code == 0);
    CHECK(job(2, 1, "d.h5 m.h5 z.d 3").code == 0);  // alone, later: --array=2
    folder.must("join z.d -o z.h5");
    CHECK(rows_of(folder, "z.h5") == rows_of(folder, "whole.h5"));
    const Outcome without = job(2, 3, "d.h5 m.h5 y.d");
    CHECK(without.code != 0);
    CHECK(without.err.find("usage: sbatch") != std::string::npos);
    CHECK_FALSE(folder.has("y.d"));
}

TEST_CASE("four parts joined have the rows of one run, byte for byte", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    const std::string encode = "encode d.h5 d.h5@0:50 -m m.h5 --log-variance --draws 2 --batch 16 ";
    folder.must(encode + "-o whole.h5");
    for (const char* part : {"3", "1", "4", "2"})
        folder.must(encode + "-o z.d --part " + part + "/4");
    folder.must("join z.d -o z.h5");
    folder.must(
        "join z.d/part-00004.h5 z.d/part-00002.h5 z.d/part-00001.h5 z.d/part-00003.h5 "
        "--copy -o copy.h5");

    const auto whole = rows_of(folder, "whole.h5");
    CHECK(whole.size() == 5);
    CHECK(whole.at("/codes").size() == 253 * 3 * 4);
    CHECK(rows_of(folder, "z.h5") == whole);
    CHECK(rows_of(folder, "copy.h5") == whole);
    CHECK(attributes_of(folder, "z.h5") == attributes_of(folder, "whole.h5"));
    CHECK(attributes_of(folder, "copy.h5") == attributes_of(folder, "whole.h5"));
    const auto second = attributes_of(folder, "z.d/part-00002.h5");
    CHECK(second.at("part") == storage::Attribute(std::int64_t{2}));
    CHECK(second.at("parts") == storage::Attribute(std::int64_t{4}));
    CHECK(second.at("first_row") == storage::Attribute(std::int64_t{63}));

    // What reads codes reads joined ones; repack makes them one.
    folder.must("decode whole.h5 -m m.h5 -o a.h5");
    folder.must("decode z.h5 -m m.h5 -o b.h5");
    CHECK(rows_of(folder, "a.h5") == rows_of(folder, "b.h5"));
    folder.must("repack z.h5 -o packed.h5");
    CHECK(rows_of(folder, "packed.h5") == whole);
    folder.must("info z.h5 --check");
}

TEST_CASE("scores in parts are those of one run", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    folder.must("score d.h5 -m m.h5 --per-feature -o whole.h5");
    folder.must("score d.h5 -m m.h5 --per-feature --part 1/2 -o s1.h5");
    folder.must("score d.h5 -m m.h5 --per-feature --part 2/2 -o s2.h5");
    folder.must("join s2.h5 s1.h5 -o s.h5");

    CHECK(rows_of(folder, "s.h5") == rows_of(folder, "whole.h5"));
    CHECK(says(folder.narrows("score d.h5 -m m.h5 --part 1/2 --threshold-quantile 0.9 -o x.h5"), 2,
               "--part does not go with --threshold-quantile"));
}

TEST_CASE("a part that is missing, there twice, or of another run is named", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    folder.must(
        "train d.h5 --model variational --latent 3 --hidden 8 --epochs 1 --seed 2 -o m2.h5");
    folder.must("encode d.h5 -m m.h5 -o whole.h5");
    for (const char* part : {"1", "2", "3"})
        folder.must(std::string("encode d.h5 -m m.h5 -o ") + part + ".h5 --part " + part + "/3");
    folder.must("encode d.h5 -m m2.h5 -o model.h5 --part 2/3");
    folder.must("encode d.h5 -m m.h5 -o seed.h5 --seed 5 --part 2/3");
    folder.must("encode d.h5@3: -m m.h5 -o data.h5 --part 2/3");
    const auto join = [&](const std::string& files) {
        return folder.narrows("join " + files + " -o out.h5");
    };

    CHECK(says(join("1.h5 3.h5"), 4, "these are missing: 2"));
    CHECK(says(join("1.h5 2.h5 2.h5 3.h5"), 4, "there twice"));
    CHECK(says(join("1.h5 model.h5 3.h5"), 4, "model_sha256 differs"));
    CHECK(says(join("1.h5 seed.h5 3.h5"), 4, "seed = 5"));
    CHECK(says(join("1.h5 data.h5 3.h5"), 4, "of 200 rows, not of 3 of 203"));
    CHECK(says(join("1.h5 whole.h5 3.h5"), 4, "is no part"));
    CHECK(says(join("1.h5 d.h5 3.h5"), 4, "holds neither codes nor scores"));
    CHECK_FALSE(folder.has("out.h5"));
    CHECK(says(folder.narrows("encode d.h5 -m m.h5 -o z.h5 --part 4/3"), 2, "is not one of 1/N"));
    CHECK(says(folder.narrows("encode d.h5 -m m.h5 -o z.h5 --part 1/999"), 2, "too few"));
    CHECK(says(folder.narrows("encode d.h5 -m m.h5 -o z.csv --part 1/3"), 2, "writes HDF5"));
    std::filesystem::create_directory(in(folder, "below"));
    CHECK(
        says(folder.narrows("join 1.h5 2.h5 3.h5 -o below/z.h5"), 2, "does not lie in the folder"));
}

TEST_CASE("a joined file says which part is gone, cut or changed, and gives no rows",
          "[tools][parts][damage]") {
    Folder folder;
    prepare_parts(folder);
    folder.must("encode d.h5 -m m.h5 -o z.d --part 1/2");
    folder.must("encode d.h5 -m m.h5 -o z.d --part 2/2");
    folder.must("join z.d -o z.h5");
    const auto part = in(folder, "z.d/part-00002.h5"), away = in(folder, "away.h5");
    const std::string decode = "decode z.h5 -m m.h5 -o x.h5";

    std::filesystem::rename(part, away);
    CHECK(says(folder.narrows(decode), 4, "part-00002.h5\" is missing"));
    std::filesystem::copy(in(folder, "z.d/part-00001.h5"), part);
    CHECK(says(folder.narrows("info z.h5 --check"), 4, "part-00002.h5"));
    std::filesystem::remove(part);
    std::filesystem::rename(away, part);
    folder.must(decode);

    std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x55');
    file.close();
    CHECK(says(folder.narrows("info z.h5 --check"), 4, "was changed after"));
    std::filesystem::resize_file(part, std::filesystem::file_size(part) - 1);
    CHECK(says(folder.narrows(decode), 4, "when"));
    // A file that is its own part has no end.
    std::filesystem::remove(part);
    std::filesystem::copy(in(folder, "z.h5"), part);
    CHECK(folder.narrows(decode).code == 4);
    CHECK_FALSE(folder.has("x.h5.partial"));
}

TEST_CASE("join and what reads a joined file leave the parts as they are", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    folder.must("encode d.h5 -m m.h5 -o z.d --part 1/2");
    folder.must("encode d.h5 -m m.h5 -o z.d --part 2/2");
    const std::string first = "z.d/part-00001.h5", second = "z.d/part-00002.h5";
    const auto one = rows_of(folder, first), two = rows_of(folder, second);

    CHECK(says(folder.narrows("join z.d -o " + first), 4, "these are missing: 1"));
    CHECK(says(folder.narrows("join z.d --copy -o " + second), 4, "these are missing: 2"));
    CHECK(says(folder.narrows("join " + first + " " + second + " -o " + first), 2,
               "is also an input"));
    folder.must("join z.d -o z.d/all.h5");
    folder.must("join z.d -o z.d/all.h5");  // itself is none of the parts
    CHECK(says(folder.narrows("repack z.d/all.h5 -o " + second), 2, "is also an input"));
    CHECK(says(folder.narrows("decode z.d/all.h5 -m m.h5 -o " + first), 2, "is also an input"));
    folder.must("repack z.d/all.h5 -o z.d/plain.h5");
    CHECK(rows_of(folder, first) == one);
    CHECK(rows_of(folder, second) == two);
}

TEST_CASE("a part replaced by one of another run is refused", "[tools][parts][damage]") {
    Folder folder;
    prepare_parts(folder);
    std::filesystem::create_directory(in(folder, "other"));
    folder.must(
        "train d.h5 --model variational --latent 3 --hidden 8 --epochs 1 --seed 2 -o other/m.h5");
    folder.must("encode d.h5 -m m.h5 -o z.d --part 1/2 --seed 3");
    folder.must("encode d.h5 -m m.h5 -o z.d --part 2/2 --seed 3");
    folder.must("encode d.h5 -m other/m.h5 -o model.d --part 2/2 --seed 3");
    folder.must("encode d.h5 -m m.h5 -o seed.d --part 2/2 --seed 4");
    folder.must("join z.d -o z.h5");
    const auto part = in(folder, "z.d/part-00002.h5");
    const auto bytes = std::filesystem::file_size(part);
    const auto replace = [&](const std::string& other) {
        std::filesystem::copy_file(in(folder, other), part,
                                   std::filesystem::copy_options::overwrite_existing);
        REQUIRE(std::filesystem::file_size(part) == bytes);
        return folder.narrows("decode z.h5 -m m.h5 -o x.h5");
    };

    CHECK(says(replace("model.d/part-00002.h5"), 4, "its model_sha256 is another one"));
    CHECK(says(replace("seed.d/part-00002.h5"), 4, "its pipeline is another one"));
    CHECK_FALSE(folder.has("x.h5"));
}

TEST_CASE("a joined file that is compressed keeps no list of parts", "[tools][parts]") {
    Folder folder;
    prepare_parts(folder);
    folder.must("encode d.h5 -m m.h5 -o z.d --part 1/2");
    folder.must("encode d.h5 -m m.h5 -o z.d --part 2/2");
    folder.must("join z.d -o z.h5");
    folder.must("compress z.h5 --lossless -o c.h5");
    std::filesystem::remove_all(in(folder, "z.d"));

    folder.must("info c.h5 --check");
    for (const storage::ArrayInfo& array : storage::look(in(folder, "c.h5")).arrays)
        CHECK_FALSE(array.path.starts_with("/shards"));
    folder.must("decompress c.h5 -o back.h5");
    folder.must("info back.h5 --check");
}

TEST_CASE("a run over a part names rows by their numbers in the data", "[tools][parts]") {
    Folder folder;
    const auto numbers = [&](const std::string& name, const std::string& in_row_150) {
        std::string text;
        for (int row = 0; row < 200; ++row)
            text += row == 150 ? in_row_150
                               : std::to_string(row % 7) + "," + std::to_string(row % 5) + "\n";
        std::ofstream(in(folder, name)) << text;
    };
    numbers("good.csv", "1,1\n");
    numbers("nan.csv", "nan,1\n");
    numbers("far.csv", "1e9,1\n");
    folder.must("train good.csv --model undercomplete --latent 1 --hidden 4 --epochs 1 -o m.h5");

    const std::string encode = " -m m.h5 -o z.h5 --part 2/2";
    CHECK(says(folder.narrows("encode nan.csv" + encode), 4, "row 150 of"));
    CHECK(says(folder.narrows("encode far.csv" + encode), 4, "row 150 of"));
}
