// Manual pages and completion, which the command makes from its own description.
#include <iostream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

bool there(const Folder& folder, const std::string& program) {
    if (folder.shell("command -v " + program).code == 0) return true;
    std::cout << "skipped: " << program << " is not installed\n";
    return false;
}

// What bash offers for the last word.
std::string offered(const Folder& folder, const std::string& words) {
    folder.write("ask.sh",
                 "source <(narrows completion bash)\n"
                 "ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _narrows; "
                 "echo \"${COMPREPLY[*]}\"; }\nask narrows " +
                     words + "\n");
    const Outcome outcome = folder.shell("bash -eu ask.sh");
    INFO(words << "\n" << outcome.err);
    REQUIRE(outcome.code == 0);
    REQUIRE(outcome.err.empty());
    return outcome.out.substr(0, outcome.out.size() - 1);
}

}  // namespace

TEST_CASE("every verb has a manual page of which groff and mandoc complain in nothing", "[tools]") {
    Folder folder;
    folder.must("man -o pages");
    std::size_t pages = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "work/pages"))
        pages += entry.path().filename().string().starts_with("narrows");
    const std::string overview = folder.must("--help").out;
    std::size_t verbs = 0;
    for (std::size_t at = overview.find("\n  "); at != std::string::npos;
         at = overview.find("\n  ", at + 1))
        ++verbs;
    CHECK(pages == verbs + 1);

    const std::string train = folder.must("man train").out;
    CHECK(folder.read("pages/narrows-train.1") == train);
    for (const char* part :
         {"\\fB\\-\\-latent\\fR \\fIN\\fR", "size of the code", "EXIT STATUS", "EXAMPLE"})
        CHECK(train.find(part) != std::string::npos);
    CHECK(folder.must("man classify train").out.find("labels\\-per\\-class") != std::string::npos);
    CHECK(folder.narrows("man trian").code == 2);

    if (there(folder, "groff")) {
        const Outcome groff =
            folder.shell("for page in pages/*.1; do groff -man -ww -z -Tutf8 $page || exit; done");
        CHECK(groff.err.empty());
        CHECK(groff.code == 0);
    }
    if (there(folder, "mandoc")) {
        folder.narrows("man -o dated", "SOURCE_DATE_EPOCH=1700000000");
        const Outcome mandoc = folder.shell("mandoc -T lint -W warning dated/*.1");
        CHECK(mandoc.out.empty());
    }
}

TEST_CASE("bash completes verbs, options and known values, and leaves the rest to files",
          "[tools]") {
    Folder folder;
    CHECK(offered(folder, "enc") == "encode");
    CHECK(offered(folder, "--threads 2 gen") == "generate");
    CHECK(offered(folder, "train d.h5 --mod") == "--model");
    CHECK(offered(folder, "train d.h5 --model conv") == "convolutional");
    CHECK(offered(folder, "train d.h5 -m var") == "variational");
    CHECK(offered(folder, "train d.h5 -o ''") == "");
    CHECK(offered(folder, "classify ''") == "train predict");
    CHECK(offered(folder, "classify train d.h5 --labels-p") == "--labels-per-class");
    CHECK(offered(folder, "generate ''") == "digits waves fields blobs");
    CHECK(offered(folder, "generate -n 5 wa") == "waves");
    CHECK(offered(folder, "generate digits ''") == "");
    CHECK(offered(folder, "encode d.h5 --kernel av") == "avx2 avx512");
    CHECK(offered(folder, "nonsense ''") == "");
    // Before the verb: values of options, and the options that every verb has.
    CHECK(offered(folder, "--kernel av") == "avx2 avx512");
    CHECK(offered(folder, "--threads 2 --log ''") == "text json");
    CHECK(offered(folder, "--threads ''") == "");
    CHECK(offered(folder, "--print") == "--print-pipeline");
    CHECK(offered(folder, "--kernel avx2 gen") == "generate");
    // A flag takes no word with it.
    CHECK(offered(folder, "-q gen") == "generate");
    CHECK(offered(folder, "generate -q ''") == "digits waves fields blobs");
}

TEST_CASE("zsh and fish read their completion, and fish completes as bash does", "[tools]") {
    Folder folder;
    folder.shell("narrows completion zsh >_narrows; narrows completion fish >narrows.fish");
    if (there(folder, "zsh")) {
        CHECK(folder.shell("zsh -n _narrows").code == 0);
        const Outcome loaded = folder.shell(
            "zsh -fc 'fpath=($PWD $fpath); autoload -U compinit; "
            "compinit -D -u; echo $_comps[narrows]'");
        CHECK(loaded.out == "_narrows\n");
        const std::string text = folder.read("_narrows");
        CHECK(text.find("'*--quiet[no talk on stderr]'") != std::string::npos);  // without a value
    }
    if (there(folder, "fish")) {
        const auto ask = [&](const std::string& words) {
            const Outcome outcome = folder.shell(
                "HOME=$PWD fish --no-config -c 'source narrows.fish; complete -C \"narrows " +
                words + "\"'");
            CHECK(outcome.err.empty());
            return outcome.out;
        };
        CHECK(ask("enc").starts_with("encode\t"));
        CHECK(ask("train d.h5 --late").starts_with("--latent\t"));
        CHECK(ask("train d.h5 --model conv").starts_with("convolutional"));
        CHECK(ask("classify pre").starts_with("predict\t"));
        CHECK(ask("classify train --labels-p").starts_with("--labels-per-class\t"));
        CHECK(ask("--threads 2 generate wa").starts_with("waves"));
        CHECK(ask("--kernel avx5").starts_with("avx512\t"));
        CHECK(ask("--log js").starts_with("json"));
        CHECK(ask("-q enc").starts_with("encode\t"));
        CHECK(ask("train d.h5 -q --late").starts_with("--latent\t"));
    }
}

TEST_CASE("a shell that completion does not know is refused", "[tools]") {
    Folder folder;
    const Outcome outcome = folder.narrows("completion tcsh");
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("bash, zsh and fish") != std::string::npos);
}
