// The report page: what is in it, and how a browser shows it at two widths and in both themes.
#include <cstdlib>
#include <fstream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

std::size_t count_of(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++count;
    return count;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

bool misses_chart_js(const Folder& folder) {
    const Outcome outcome = folder.narrows("report d.h5 -m m.h5 -o r.html");
    if (outcome.code == 0) return false;
    CHECK(outcome.err.find("libjs-chart.js") != std::string::npos);
    WARN("this build has no Chart.js: the report's tests were skipped");
    return true;
}

// What the browser found wrong, as report_check.html tells it.
nlohmann::json looked_at(const Folder& folder, const std::string& page, int width, bool dark) {
    const std::string name = "check-" + std::to_string(width);
    std::string text;
    {
        std::ifstream in(NARROWS_SOURCE_DIR "/tests/tools/report_check.html");
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    text = replaced(replaced(text, "REPORT", page), "WIDTH", std::to_string(width));
    folder.write(name + ".html", text);
    const std::string work = (folder.path() / "work").string();
    const std::string command = "cd '" + work + "' && HOME='" + work +
                                "' timeout 60 chromium --headless=new --no-sandbox "
                                "--disable-gpu --allow-file-access-from-files --user-data-dir='" +
                                work +
                                "/browser' "
                                "--window-size=1300,1000 --virtual-time-budget=8000 "
                                "--blink-settings=preferredColorScheme=" +
                                (dark ? "0" : "1") + " --dump-dom 'file://" + work + "/" + name +
                                ".html' >dom.txt 2>/dev/null";
    if (std::system(command.c_str()) != 0) return nullptr;
    const std::string dom = folder.read("dom.txt");
    const std::size_t at = dom.find("found: {");
    if (at == std::string::npos) return nullptr;
    std::string found = dom.substr(at + 7, dom.find("</pre>", at) - at - 7);
    found = replaced(replaced(replaced(found, "&lt;", "<"), "&gt;", ">"), "&amp;", "&");
    return nlohmann::json::parse(found);
}

}  // namespace

TEST_CASE("a report shows a variational model on labelled data in one page", "[tools][report]") {
    Folder folder;
    folder.must("generate digits -n 600 -o d.h5");
    folder.must("train d.h5 --model variational --latent 6 --hidden 48 --epochs 80 -o m.h5");
    if (misses_chart_js(folder)) return;
    const nlohmann::json result =
        folder.must("report d.h5 -m m.h5 -o r.html --map-samples 300 --probe-samples 400 --json")
            .json();
    CHECK(result.at("active_units") > 0);
    CHECK(result.at("trustworthiness") > 0.7);
    CHECK(result.at("linear_accuracy") > 0.1);
    CHECK(result.at("kl_per_dimension").size() == 6);
    const std::string page = folder.read("r.html");
    for (const char* words :
         {"Content-Security-Policy", "default-src 'none'", "What was run", "Nothing looks wrong",
          "Best", "Typical", "Worst", "Units of the code", "Drawn from the prior",
          "Ways between samples", "PCA of the same size", "Time of each node", "measure.latent"})
        CHECK(page.find(words) != std::string::npos);
    CHECK(page.find("Left out") == std::string::npos);
    CHECK(count_of(page, "src=\"") == count_of(page, "src=\"data:image/png;base64,"));
    CHECK(count_of(page, "<link") == 0);
    CHECK(page.find(folder.path().string()) == std::string::npos);  // names without folders

    if (std::system("command -v chromium >/dev/null 2>&1") != 0) {
        WARN("chromium is not installed: the page was not looked at in a browser");
        return;
    }
    for (const int width : {380, 1200})
        for (const bool dark : {false, true}) {
            const nlohmann::json found = looked_at(folder, "r.html", width, dark);
            INFO(width << (dark ? " dark: " : " light: ") << found.dump());
            if (found.is_null()) {
                WARN("chromium does not run here: the page was not looked at in a browser");
                return;
            }
            CHECK(found.at("wrong").empty());
            CHECK(found.at("charts") >= 7);
            CHECK(found.at("pictures") == 6);
            CHECK(found.at("dark") == dark);
            CHECK(found.at("width") > width - 20);  // a scroll bar
        }
}

TEST_CASE("a report of series without labels leaves out what there is not, and says so",
          "[tools][report]") {
    Folder folder;
    std::string text;
    for (int row = 0; row < 60; ++row) {
        for (int i = 0; i < 24; ++i)
            text += std::to_string((row * 7 + i * (1 + row % 3)) % 11) + (i < 23 ? "," : "\n");
    }
    folder.write("d.csv", text);
    folder.must(
        "train d.csv --model undercomplete --hidden 16 --latent 3 --epochs 3 -o m.h5 --stats "
        "s.json");
    const Outcome outcome =
        folder.narrows("report d.csv -m m.h5 -o r.html --training-stats s.json");
    if (outcome.code != 0 && outcome.err.find("libjs-chart.js") != std::string::npos) return;
    REQUIRE(outcome.code == 0);
    const std::string page = folder.read("r.html");
    CHECK(page.find("There are no labels") != std::string::npos);
    CHECK(page.find("Samples blue, reconstructions orange. Steps from left") != std::string::npos);
    CHECK(page.find("What each of 3 units responds to") != std::string::npos);
    CHECK(page.find("The training run") != std::string::npos);
    CHECK(page.find("optimize.adam") != std::string::npos);
    CHECK(page.find("mean squared error (scaled") != std::string::npos);
    CHECK(folder.must("report d.csv -m m.h5 -o r2.html --training-stats s.json").code == 0);
    // Times differ from run to run; with those of one file the pages are the same.
    const bool same = folder.read("r2.html") == replaced(page, "-o r.html", "-o r2.html");
    CHECK(same);

    // Values to predict instead of classes.
    std::string values = "value\n";
    for (int row = 0; row < 60; ++row) values += std::to_string(0.25 + row % 7) + "\n";
    folder.write("y.csv", values);
    folder.must("report d.csv -m m.h5 --labels y.csv -o v.html");
    const std::string with_values = folder.read("v.html");
    CHECK(with_values.find("R squared from") != std::string::npos);
    CHECK(with_values.find("R squared of held-out samples") != std::string::npos);

    CHECK(folder.narrows("report d.csv -m m.h5 -o r.pdf").code == 2);
    CHECK(folder.narrows("report d.csv -m none.h5 -o x.html").code == 4);
    folder.write("bad.json", "{}");
    CHECK(folder.narrows("report d.csv -m m.h5 -o x.html --training-stats bad.json").code == 4);
    CHECK_FALSE(folder.has("x.html"));
}
