// What schedulers and collectors see: metrics, JSON lines, SIGTERM with a deadline.
#include <sstream>

#include "pipeline/storage/array_file.hpp"
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::Type;
using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

double metric(const std::string& text, const std::string& name) {
    const std::size_t at = text.find("\n" + name + "{");
    INFO(name << " in\n" << text);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(text.find('}', at) + 1));
}

}  // namespace

TEST_CASE("--metrics holds a finished run in Prometheus' text form, and changes no result",
          "[tools]") {
    Folder folder;
    folder.must("generate digits -n 500 -o d.h5 -q");
    const std::string train =
        "train d.h5 --model linear --latent 4 --epochs 2 --validate 0.2 -q -o m.h5 ";
    folder.must(train);
    const std::string without = folder.read("m.h5");
    folder.must(train + "--metrics run.prom");
    CHECK(folder.read("m.h5") == without);

    const std::string text = folder.read("run.prom");
    CHECK(metric(text, "narrows_samples_total") == 800);
    CHECK(metric(text, "narrows_samples_expected") == 800);
    CHECK(metric(text, "narrows_samples_per_second") > 0);
    CHECK(metric(text, "narrows_epoch") == 2);
    CHECK(metric(text, "narrows_loss") > 0);
    CHECK(metric(text, "narrows_packet_slots") >= 1);
    CHECK(metric(text, "narrows_memory_bound_bytes") >
          metric(text, "narrows_resident_memory_bytes"));
    CHECK(metric(text, "narrows_finished") == 1);
    CHECK(metric(text, "narrows_exit_code") == 0);
    CHECK(text.find("narrows_epoch_metric{verb=\"train\",name=\"validation_loss\"}") !=
          std::string::npos);
    // Each family is announced once, before its values.
    std::istringstream lines(text);
    std::string family;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) family = line.substr(7, line.find(' ', 7) - 7);
        if (!line.starts_with('#')) CHECK(line.starts_with(family + "{"));
    }
    CHECK(folder.names() == std::vector<std::string>{"d.h5", "m.h5", "run.prom"});
}

TEST_CASE("--metrics says how a run failed, and a place that cannot be written is refused",
          "[tools]") {
    Folder folder;
    folder.write("a.csv", "x,y\n1,2\n3,4\n5,6\n7,8\n");
    folder.must("train a.csv --model linear --latent 2 --allow-identity --epochs 1 -q -o m.h5");
    folder.write("b.csv", "x,y\n1e9,2\n3e9,4\n5,6\n");  // far outside the training range
    const Outcome failed = folder.narrows("encode b.csv -m m.h5 -o z.h5 --metrics run.prom");
    CHECK(failed.code == 4);
    CHECK(metric(folder.read("run.prom"), "narrows_finished") == 1);
    CHECK(metric(folder.read("run.prom"), "narrows_exit_code") == 4);
    const Outcome refused = folder.narrows("encode a.csv -m m.h5 -o z.h5 --metrics no/where.prom");
    CHECK(refused.code == 2);
    CHECK_FALSE(folder.has("z.h5"));
}

TEST_CASE("--metrics says how a command ended whose run was done", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 100 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    CHECK(folder.narrows("probe d.h5 -m m.h5 --fail-under 1 --metrics probe.prom").code == 1);
    CHECK(metric(folder.read("probe.prom"), "narrows_exit_code") == 1);
}

TEST_CASE("samples without a value are refused as input", "[tools]") {
    Folder folder;
    // [5, 0]: NPY says so in its header and has no bytes behind it.
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 0), }";
    header.resize(117, ' ');
    folder.write("e.npy", std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n");
    for (const char* words :
         {"train e.npy --model linear -o m.h5", "map e.npy -o m.h5", "import e.npy -o m.h5"})
        folder.refuses(words, 4, "its samples are of shape [0]: they hold no values");
}

TEST_CASE("a place where --stats cannot be written is refused before the run", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 100 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    folder.shell("mkdir there");
    const std::vector<std::string> before = folder.names();
    for (const char* place : {"no/where.json", "there", "/dev/full"})
        for (const char* words :
             {"train d.h5 --model linear --latent 2 --keep-checkpoints -o n.h5",
              "encode d.h5 -m m.h5 -o z.h5 --metrics run.prom", "report d.h5 -m m.h5 -o r.html"}) {
            INFO(words << " --stats " << place);
            const Outcome refused = folder.narrows(words + std::string(" --stats ") + place);
            CHECK(refused.code == 2);
            CHECK(refused.err.find("is not writable") != std::string::npos);
            CHECK(refused.err.find("epochs") == std::string::npos);
            CHECK(folder.names() == before);
        }
}

TEST_CASE("--metrics and --stats replace no input, model, output or each other", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 100 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    folder.write("e.toml", folder.must("evaluate d.h5 -m m.h5 --print-pipeline").out);
    folder.write("link.sh", "ln -s m.h5 link.h5");
    folder.shell("sh link.sh");
    const std::vector<std::string> before = folder.names();
    const std::string data = folder.read("d.h5"), model = folder.read("m.h5"),
                      pipeline = folder.read("e.toml");
    const std::string here = (folder.path() / "work").string();
    for (const std::string& option : {std::string("--metrics "), std::string("--stats ")})
        for (const std::string& words :
             {std::string("encode d.h5 -m m.h5 -o z9.h5 ") + option + "z9.h5",
              "encode d.h5 -m m.h5 -o z9.h5 " + option + "'" + here + "/z9.h5'",
              "encode d.h5 -m m.h5 -o z9.h5 " + option + "./d.h5",
              "encode d.h5 -m m.h5 -o z9.h5 " + option + "link.h5",
              "train d.h5 --model linear --latent 2 -o new.h5 " + option + "new.h5",
              "score d.h5 -m m.h5 --labels d.h5:/labels -o s.h5 " + option + "d.h5",
              "run e.toml " + option + "e.toml",
              std::string("evaluate d.h5 -m m.h5 --metrics x --stats ./x")}) {
            INFO(words);
            const Outcome refused = folder.narrows(words);
            CHECK(refused.code == 2);
            CHECK(refused.err.find("is also an input or output") != std::string::npos);
        }
    CHECK(folder.names() == before);
    CHECK(folder.read("d.h5") == data);
    CHECK(folder.read("m.h5") == model);
    CHECK(folder.read("e.toml") == pipeline);
}

TEST_CASE("verbs that measure nothing refuse --metrics and --stats, and show neither", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 100 -o d.h5 -q");
    for (const std::string& option : {std::string("--metrics"), std::string("--stats")}) {
        const Outcome refused = folder.narrows("compress d.h5 --rel 1e-2 -o c.h5 " + option + " x");
        CHECK(refused.code == 2);
        CHECK(refused.err.find("compress does not take " + option) != std::string::npos);
        CHECK(folder.must("compress --help").out.find(option) == std::string::npos);
        CHECK(folder.must("encode --help").out.find(option) != std::string::npos);
    }
    CHECK(folder.names() == std::vector<std::string>{"d.h5"});
    // A copy that is no pipeline has metrics, too.
    folder.write(
        "l.csv", "label\n" + [] {
            std::string rows;
            for (int i = 0; i < 100; ++i) rows += std::to_string(i % 10) + "\n";
            return rows;
        }());
    folder.must("import d.h5 --labels l.csv -o e.h5 --metrics run.prom -q");
    CHECK(metric(folder.read("run.prom"), "narrows_samples_total") == 100);
    CHECK(metric(folder.read("run.prom"), "narrows_exit_code") == 0);
}

TEST_CASE("with --log json every line on stderr is an object with time and level", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 300 -o d.h5 -q");
    const Outcome run =
        folder.narrows("train d.h5 --model linear --latent 4 --epochs 2 -v --log json -o m.h5");
    CHECK(run.code == 0);
    std::istringstream lines(run.err);
    int epochs = 0, results = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto object = nlohmann::json::parse(line);
        CHECK(object.at("time").get<std::string>().ends_with("Z"));
        CHECK(object.contains("level"));
        if (object.value("event", "") == "progress") epochs += object.contains("metrics");
        if (object.value("event", "") == "results") {
            ++results;
            CHECK(object.at("results").at("model_sha256").get<std::string>().size() == 64);
        }
    }
    CHECK(epochs == 2);
    CHECK(results == 1);

    for (const char* words :
         {"tran d.h5 --log json", "encode d.h5 -m none.h5 -o z.h5 --log=json"}) {
        const Outcome wrong = folder.narrows(words);
        CHECK(wrong.code >= 2);
        const auto error = nlohmann::json::parse(wrong.err);
        CHECK(error.at("level") == "error");
        CHECK(error.at("exit_code") == wrong.code);
        CHECK(wrong.out.empty());
    }
}

TEST_CASE("SIGTERM ends a run within its grace, whatever a node is doing", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 2500 -o d.h5 -q");
    // One node works for long: t-SNE.
    const Outcome outcome = folder.narrows("map d.h5 --iterations 500000 -q -o map.h5 --grace 1",
                                           "timeout --preserve-status -k 20 -s TERM 1");
    CHECK(outcome.code == 143);
    CHECK_FALSE(folder.has("map.h5"));
}

TEST_CASE("a finished file of the same run is left alone by --resume, another's refused",
          "[tools]") {
    Folder folder;
    folder.must("generate digits -n 60 -o d.h5");
    folder.must("generate digits -n 50 -o other.h5");
    folder.must("train d.h5 --model undercomplete --latent 3 --hidden 8 --epochs 1 -o m.h5");
    folder.write("t.csv", "a,b\n1,2\n3,4\n");
    folder.write("u.csv", "a,b\n5,6\n7,8\n");
    struct Case {
        std::string words, other, output;
    };
    for (const Case& one :
         {Case{"score d.h5 -m m.h5", "score other.h5 -m m.h5", "s.h5"},
          Case{"score d.h5 -m m.h5", "score d.h5 -m m.h5 --per-feature", "s.h5"},
          Case{"reconstruct d.h5 -m m.h5", "reconstruct other.h5 -m m.h5", "r.h5"},
          Case{"map d.h5 --method pca", "map other.h5 --method pca", "p.h5"},
          Case{"import t.csv", "import u.csv", "i.h5"}}) {
        INFO(one.words);
        const std::string resumed = one.words + " --resume -o " + one.output;
        if (!folder.has(one.output)) folder.must(resumed);  // nothing is there: an ordinary run
        const std::string before = folder.read(one.output);

        const Outcome again = folder.must(resumed);
        CHECK(again.err.find("already complete") != std::string::npos);
        CHECK(folder.read(one.output) == before);
        folder.refuses(one.other + " --resume -o " + one.output, 2, "belongs to another run");
        CHECK(folder.read(one.output) == before);
    }
    folder.write("c.toml",
                 "schema = 1\n[run]\nmode = \"stream\"\n[node.data]\ntype = \"load\"\n"
                 "file = \"d.h5\"\n[node.c]\ntype = \"codec.compress\"\nin.x = \"data.x\"\n"
                 "budget = 1.0\nfile = \"c.h5\"\n");
    folder.must("run c.toml --resume");
    CHECK(folder.must("run c.toml --resume").err.find("already complete") != std::string::npos);
    folder.refuses("run c.toml --resume --set node.c.value=0.01", 2, "belongs to another run");
    folder.must("reconstruct d.h5@0:4 -m m.h5 -o g.png --resume");
    folder.refuses("reconstruct d.h5@0:4 -m m.h5 -o g.png --resume", 2, "cannot tell");
    folder.refuses("compress d.h5 -o c.h5 --resume", 2, "compress does not take --resume");
    folder.refuses("decompress d.h5 -o c.h5 --resume", 2, "decompress does not take --resume");
}

TEST_CASE("--resume notices that the data has changed under the same name", "[tools][resume]") {
    Folder folder;
    folder.must("generate digits -n 300 -o d.h5");
    const std::string train = "train d.h5 --model undercomplete --latent 3 --epochs 2 ";
    folder.must(train + "-o m.h5 --keep-checkpoints");
    folder.must("encode d.h5 -m m.h5 -o z.h5 --batch 64");
    const std::string whole = folder.read("z.h5");

    // As a run that was killed leaves them: 100 of 300 rows.
    const std::filesystem::path work = folder.path() / "work";
    narrows::storage::CodesLayout layout;
    layout.rows = 300;
    for (const narrows::storage::ArrayInfo& array : narrows::storage::look(work / "z.h5").arrays)
        for (const auto& [name, type] :
             {std::pair("/codes", Type::f32), {"/ids", Type::i64}, {"/sse", Type::f32}})
            if (array.path == name) layout.columns.push_back({name, type, array.shape.sample()});
    for (const auto& [name, value] : narrows::storage::look(work / "z.h5").attributes)
        if (name != "format" && name != "format_version" && name != "created_by")
            layout.attributes.emplace_back(name, value);
    const auto begin = [&] {
        narrows::storage::CodesWriter writer(work / "y.h5", layout, false);
        for (std::size_t column = 0; column < 3; ++column) {
            std::vector<std::byte> rows(100 * 8 * 3);
            narrows::storage::open_array(work / "z.h5", layout.columns[column].name)
                ->read(0, 100, rows.data());
            writer.write(column, 0, 100, rows.data());
        }
        writer.rows_written(100);
    };
    begin();
    folder.must("encode d.h5 -m m.h5 -o y.h5 --batch 64 --resume");
    CHECK(folder.read("y.h5") == whole);
    std::filesystem::remove(work / "y.h5");
    begin();
    const std::string partial = folder.read("y.h5.partial");

    folder.must("generate digits -n 300 --seed 2 -o d.h5");
    folder.refuses("encode d.h5 -m m.h5 -o y.h5 --batch 64 --resume", 2,
                   "belongs to another run: /codes of row 64 is another: the data has changed");
    CHECK(folder.read("y.h5.partial") == partial);
    const std::string model = folder.read("m.h5");
    std::filesystem::remove(work / "m.h5");
    for (const char* from : {"checkpoints", "model"}) {
        INFO("from the " << from);
        folder.refuses(train + "-o m.h5 --keep-checkpoints --resume", 2,
                       "belongs to a run over other data: the mean of");
        std::filesystem::remove_all(work / "m.ckpt");
        folder.write("m.h5", model);
    }
    CHECK(folder.has("m.h5"));
}
