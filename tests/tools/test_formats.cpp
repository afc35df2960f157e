// FORMATS.md beside files of every kind: what they hold is listed, and what is listed is held.
#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using namespace narrows;
using narrows::test::Folder;

namespace {

using Names = std::set<std::string>;
// Tables of the page ("dataset", "attribute of the root", ...): what each format has.
using Tables = std::map<std::string, std::map<std::string, Names>>;

const Names formats = {"narrows-dataset", "narrows-codes",      "narrows-scores",    "narrows-map",
                       "narrows-model",   "narrows-compressed", "narrows-checkpoint"};

std::vector<std::string> parts_of(const std::string& text, char between) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, between);) parts.push_back(part);
    return parts;
}

std::vector<std::string> in_backticks(const std::string& text) {
    std::vector<std::string> out;
    const std::vector<std::string> parts = parts_of(text, '`');
    for (std::size_t i = 1; i < parts.size(); i += 2) out.push_back(parts[i]);
    return out;
}

// "/factor" behind "/scaling/shift" is "/scaling/factor".
std::string full_name(const std::string& before, const std::string& name) {
    if (!name.starts_with('/')) return name;
    const auto slashes = [](const std::string& text) {
        return std::count(text.begin(), text.end(), '/');
    };
    std::string stem = before;
    for (auto i = slashes(name); i > 0 && !stem.empty(); --i) stem.resize(stem.rfind('/'));
    return stem + name;
}

Tables read_page() {
    std::ifstream in(NARROWS_SOURCE_DIR "/pipeline/storage/FORMATS.md");
    REQUIRE(in);
    Tables tables;
    std::string table;
    std::vector<std::string> of;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("| ")) {
            if (!line.starts_with("|--")) table.clear();
            continue;
        }
        const std::vector<std::string> cells = parts_of(line, '|');
        if (table.empty()) {
            table = cells.at(1) == " `format` " ? cells.at(2).substr(1, cells[2].size() - 2) : "-";
            continue;
        }
        if (table == "-") continue;
        if (cells[1] == " any ")
            of.assign(formats.begin(), formats.end());
        else if (!in_backticks(cells[1]).empty())
            of = in_backticks(cells[1]);
        std::string before;
        for (const std::string& name : in_backticks(cells.at(2))) {
            before = full_name(before, name);
            for (const std::string& format : of) tables[table][format].insert(before);
        }
    }
    return tables;
}

// NAME and the like stand for a name, "..." for all that follows.
bool covers(const std::string& listed, const std::string& name) {
    std::string pattern;
    for (const std::string& part : parts_of(listed, '/')) {
        if (!pattern.empty() || listed.starts_with('/')) pattern += pattern.empty() ? "" : "/";
        if (part == "...")
            pattern += ".+";
        else if (std::regex_match(part, std::regex("[A-Z.]+")))
            pattern += "[^/]+";
        else
            pattern += std::regex_replace(part, std::regex("\\."), "\\.");
        if (pattern.empty()) pattern = "/";
    }
    pattern = std::regex_replace(pattern, std::regex("^//"), "/");
    return std::regex_match(name, std::regex(pattern));
}

class Compared {
public:
    // `source`: what a compressed file may have of it.
    void file(const std::filesystem::path& path, const std::filesystem::path& source = {}) {
        INFO(path);
        const storage::FileInfo info = storage::look(path);
        REQUIRE(formats.contains(info.format));
        Names root, datasets, of_datasets;
        gather(info, root, datasets, of_datasets);
        if (!source.empty()) {
            Names r, d, o;
            gather(storage::look(source), r, d, o);
            for (const std::string& name : r)
                if (!name.starts_with("format") && name != "created_by") root.erase(name);
            for (const std::string& name : d) datasets.erase(name);
            for (const std::string& name : o) of_datasets.erase(name);
        }
        root.insert("format");
        compare("dataset", info.format, datasets);
        compare("attribute of the root", info.format, root);
        compare("attribute of a dataset", info.format, of_datasets);
    }
    void nothing_is_listed_in_vain() const {
        for (const auto& [table, all] : tables_)
            for (const auto& [format, names] : all)
                for (const std::string& name : names) {
                    INFO(table << " of a " << format << ": " << name);
                    CHECK(seen_.contains(table + format + name));
                }
    }

private:
    static void gather(const storage::FileInfo& info, Names& root, Names& datasets,
                       Names& of_datasets) {
        for (const auto& [name, value] : info.attributes) root.insert(name);
        for (const storage::ArrayInfo& array : info.arrays) {
            datasets.insert(array.path);
            for (const auto& [name, value] : array.attributes) of_datasets.insert(name);
        }
    }
    void compare(const std::string& table, const std::string& format, const Names& names) {
        for (const std::string& name : names) {
            bool listed = false;
            for (const std::string& candidate : tables_[table][format]) {
                if (!covers(candidate, name)) continue;
                listed = true;
                seen_.insert(table + format + candidate);
            }
            INFO(table << " of a " << format << ": " << name);
            CHECK(listed);
        }
    }

    Tables tables_ = read_page();
    Names seen_;
};

}  // namespace

TEST_CASE("FORMATS.md lists what the files hold, and nothing else", "[tools][formats]") {
    Folder folder;
    const auto in = [&](const std::string& name) { return folder.path() / "work" / name; };
    Compared compared;
    folder.must("generate digits -n 240 -o d.h5");
    std::string csv = "a,b,c,kind\n", series;
    for (int i = 0; i < 300; ++i) {
        csv += std::to_string(i % 7) + "," + std::to_string(i % 5) + "," + std::to_string(i % 3) +
               (i % 2 == 0 ? ",even\n" : ",odd\n");
        series += std::to_string(i % 11) + "," + std::to_string(i % 13) + "\n";
    }
    folder.write("n.csv", csv);
    folder.write("t.csv", series);
    folder.must("import n.csv --label-column kind -o n.h5");
    for (const char* name : {"d.h5", "n.h5"}) compared.file(in(name));

    const std::string small = " --latent 2 --hidden 4 --epochs 1 -q";
    folder.must("train d.h5 --model variational --scale standard --keep-checkpoints -o m.h5" +
                small);
    folder.must("train d.h5 --model vector-quantised --epochs 1 -o v.h5 -q");
    folder.must("train t.csv --window 16 --stride 4 --model undercomplete -o t.h5" + small);
    // Stopped nowhere, but with checkpoints between the ends of epochs and a penalty that
    // remembers.
    REQUIRE(folder
                .shell("narrows train d.h5 --model sparse --batch 64 --keep-checkpoints -o s.h5" +
                       small +
                       " --print-pipeline | sed -e "
                       "'s/\"penalty.activity\"/\"penalty.running_activity\"\\nmodel = \"ae\"/'"
                       " -e 's/^every = .*/every = \"3 steps\"/' > s.toml && narrows run s.toml -q")
                .code == 0);
    for (const char* name : {"m.h5", "v.h5", "t.h5", "s.h5"}) compared.file(in(name));
    for (const char* name : {"m.ckpt", "s.ckpt"})
        for (const auto& entry : std::filesystem::directory_iterator(in(name)))
            compared.file(entry.path());

    folder.must("encode d.h5 -m m.h5 --log-variance --draws 2 --append -o z.h5 -q");
    folder.must("encode d.h5 -m m.h5 --log-variance --draws 2 --append -o z.h5 -q");
    folder.must("encode d.h5 -m m.h5 --int8 -o i.h5 -q");
    folder.must("encode d.h5 -m v.h5 -o vz.h5 -q");
    folder.must("encode d.h5 -m m.h5 --part 1/2 -o p.h5 -q");
    folder.must(
        "score d.h5 -m m.h5 --per-feature --threshold-quantile 0.9 --labels d.h5:/labels -o sc.h5 "
        "-q");
    folder.must("score d.h5 -m m.h5 --part 1/2 -o sp.h5 -q");
    folder.must("score t.csv -m t.h5 --window 16 --stride 4 --threshold-quantile 0.9 -o st.h5 -q");
    folder.must("train n.h5 --model undercomplete -o n.m.h5" + small);
    folder.must("map n.csv --label-column kind -m n.m.h5 --method pca -o map.h5 -q");
    for (const char* name : {"z.h5", "i.h5", "vz.h5", "p.h5", "sc.h5", "sp.h5", "st.h5", "map.h5"})
        compared.file(in(name));
    folder.must("compress d.h5 --lossless -o c.h5 -q");
    compared.file(in("c.h5"), in("d.h5"));
    folder.must("compress d.h5 --lossless --part 1/1 -o cp.h5 -q");
    compared.file(in("cp.h5"), in("d.h5"));
    compared.nothing_is_listed_in_vain();
}
