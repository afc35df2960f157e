// Options that many verbs share: taken where they mean something, refused by name elsewhere.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

TEST_CASE("a verb refuses the shared options that mean nothing to it, and shows none of them",
          "[tools]") {
    Folder folder;
    folder.must("generate waves -n 40 -o w.h5 -q");
    folder.must("train w.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    folder.must("compress w.h5 --rel 1e-2 -q -o c.h5");
    const std::vector<std::string> before = folder.names();
    const std::string bash = folder.must("completion bash").out;
    struct Case {
        std::string verb, words, option, value;
    };
    for (const Case& one :
         std::initializer_list<Case>{{"compress", "w.h5 --rel 1e-3 -o x", "--print-pipeline", ""},
                                     {"compress", "w.h5 --rel 1e-3 -o x", "--set", "=node.x.y=3"},
                                     {"compress", "w.h5 --rel 1e-3 -o x", "--seed", "=2"},
                                     {"decompress", "c.h5 -o x", "--print-pipeline", ""},
                                     {"decompress", "c.h5 -o x", "--set", "=node.x.y=3"},
                                     {"verify", "c.h5", "--set", "=node.x.y=3"},
                                     {"verify", "c.h5", "--dry-run", ""},
                                     {"repack", "w.h5 -o x", "--set", "=node.x.y=3"},
                                     {"repack", "w.h5 -o x", "--resume", ""},
                                     {"export", "m.h5 -o x", "--set", "=node.x.y=3"},
                                     {"info", "w.h5", "--set", "=node.x.y=3"},
                                     {"info", "w.h5", "--dry-run", ""},
                                     {"report", "w.h5 -m m.h5 -o x.html", "--resume", ""},
                                     {"completion", "bash", "--threads", "=2"}}) {
        INFO(one.verb << " " << one.option);
        const Outcome refused =
            folder.narrows(one.verb + " " + one.words + " " + one.option + one.value);
        CHECK(refused.code == 2);
        CHECK(refused.err.find(one.verb + " does not take " + one.option) != std::string::npos);
        CHECK(folder.must(one.verb + " --help").out.find(one.option) == std::string::npos);
        std::string dashed = "\\fB\\-\\-" + one.option.substr(2);
        if (const auto dash = dashed.find("-", 8); dash != std::string::npos)
            dashed.insert(dash, "\\");
        CHECK(folder.must("man " + one.verb).out.find(dashed) == std::string::npos);
        CHECK(folder.must("man train").out.find(dashed) != std::string::npos);
        const std::size_t table = bash.find("'" + one.verb + "')\n            options=");
        REQUIRE(table != std::string::npos);
        CHECK(bash.substr(table, bash.find("valued=", table) - table).find(one.option + " ") ==
              std::string::npos);
    }
    CHECK(folder.names() == before);
}

TEST_CASE("a dry run writes nothing, whatever the verb", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 40 -o d.h5 -q");
    folder.must("train d.h5 --model variational --latent 2 --hidden 8 --epochs 1 -q -o m.h5");
    folder.must("encode d.h5 -m m.h5 -q -o z.h5");
    folder.must("compress d.h5 -q -o c.h5");
    folder.must("classify train d.h5 --labels d.h5:/labels -m m.h5 --epochs 1 -q -o k.h5");
    folder.must("export m.h5 -q --what encoder -o e.onnx");
    folder.write("l.csv", "label,y\n1,2\n0,3\n");
    folder.write("r.toml", folder.must("encode d.h5 -m m.h5 -o x.h5 --print-pipeline").out);
    const std::vector<std::string> before = folder.names();
    for (const std::string words :
         {"import l.csv -o x.h5",
          "generate digits -n 9 -o x.h5",
          "train d.h5 --model linear -o x.h5 --stats s.json --metrics s.prom",
          "encode d.h5 -m m.h5 -o x.h5",
          "encode d.h5 -m m.h5 -o x.d --part 1/2",
          "decode z.h5 -m m.h5 -o x.h5",
          "reconstruct d.h5 -m m.h5 -o x.png",
          "evaluate d.h5 -m m.h5 --stats s.json",
          "score d.h5 -m m.h5 -o x.h5",
          "probe d.h5 -m m.h5",
          "map d.h5 -o x.html",
          "report d.h5 -m m.h5 -o x.html",
          "sample -m m.h5 -n 3 -o x.h5",
          "classify train d.h5 --labels d.h5:/labels -m m.h5 -o x.h5",
          "classify predict d.h5 -m k.h5 -o x.h5",
          "interpolate -m m.h5 --from d.h5@0:1 --to d.h5@1:2 -o x.h5",
          "units m.h5 -o x.png",
          "chart l.csv --x label --y y -o x.svg",
          "run r.toml",
          "compress d.h5 -o x.h5",
          "decompress c.h5 -o x.h5",
          "export m.h5 -o x.onnx --what decoder",
          "import-onnx e.onnx -o x.h5",
          "repack d.h5 -o x.h5",
          "new plugin wavelet",
          "new pipeline wavelet",
          "man -o pages"}) {
        INFO(words);
        const Outcome dry = folder.narrows(words + " --dry-run");
        INFO(dry.err);
        CHECK(dry.code == 0);
        CHECK(folder.names() == before);
    }
}

TEST_CASE("columns of text cannot be chosen in HDF5", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 40 -o d.h5 -q");
    for (const std::string option : {"--label-column", "--columns"})
        folder.refuses("train d.h5 --model linear -o m.h5 " + option + " 3", 2,
                       option + " is for text, but \"d.h5\" is HDF5");
    CHECK(folder.names() == std::vector<std::string>{"d.h5"});
}

TEST_CASE("what every verb says of its work is there, and counts are whole", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 60 -o d.h5 -q");
    const auto trained =
        folder.must("train d.h5 --model deep --latent 2 --epochs 1 -o m.h5 --json -q").json();
    CHECK(trained.at("parameters").is_number_integer());
    folder.must("compress d.h5 -o c.h5 -q");
    CHECK(folder.must("decompress c.h5 -o x.h5 --json -q").json().at("samples") == 60);
    CHECK(folder.must("verify c.h5 --json -q").json().at("samples") == 60);
    for (const char* words : {"export m.h5 --what encoder -o e.onnx --json -q",
                              "import-onnx e.onnx -o n.h5 --json -q"}) {
        const auto result = folder.must(words).json();
        for (const char* key : {"samples", "seconds", "threads", "kernel"})
            CHECK(result.contains(key));
    }
    // The report measures, maps and draws: its time is that of all of it, not of the first part.
    const auto page =
        folder.shell("narrows report d.h5 -m m.h5 -o r.html --json -q --stats s.json");
    const auto measured = nlohmann::json::parse(folder.read("s.json"));
    CHECK(page.json().at("seconds").get<double>() > measured.at("seconds").get<double>());
    CHECK(page.json().at("samples") == 60);
}
