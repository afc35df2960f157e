// Pictures from the command line: the same bytes for any threads and kernel, and out of the text
// that --print-pipeline shows.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

void same_bytes(const Folder& folder, const std::string& words) {
    INFO(words);
    folder.must(words + " -q --threads 2 -o a.png");
    const std::string first = folder.read("a.png");
    REQUIRE(first.substr(1, 3) == "PNG");
    folder.must(words + " -q --threads 1 --kernel portable -o b.png");
    CHECK(folder.read("b.png") == first);
    folder.write("a.toml", folder.must(words + " -o c.png --print-pipeline").out);
    folder.must("run a.toml -q --threads 3");
    CHECK(folder.read("c.png") == first);

    folder.write("c.png", "precious");
    const Outcome kept = folder.narrows(words + " -o c.png --no-clobber");
    CHECK(kept.code == 2);
    CHECK(folder.read("c.png") == "precious");
}

}  // namespace

TEST_CASE("reconstruct, sample and units draw the same bytes again and again", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 300 -q -o digits.h5");
    folder.must("train digits.h5 --model variational --hidden 24 --latent 4 --epochs 2 -q -o v.h5");

    same_bytes(folder, "reconstruct digits.h5 -m v.h5 --count 10 --per-row 5");
    same_bytes(folder, "sample -m v.h5 -n 9");
    same_bytes(folder, "units v.h5 --count 12");
    same_bytes(folder, "units v.h5 --layer code --count 3");
    same_bytes(folder, "units v.h5 --data digits.h5 --layer encoder.1");
}

TEST_CASE("a picture of reconstructions reads no more than it shows", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 300 -q -o digits.h5");
    folder.must("train digits.h5 --model linear --latent 4 --epochs 1 -q -o m.h5");
    const auto sixteen = folder.must("reconstruct digits.h5@100: -m m.h5 -o a.png --json").json();
    CHECK(sixteen.at("samples") == 16);
    CHECK(sixteen.at("pictures") == 16);
    CHECK(sixteen.at("colours") == "grey");
    CHECK(sixteen.at("high") == 255);
    const std::string text =
        folder.must("reconstruct digits.h5@290: digits.h5 -m m.h5 -o a.png --print-pipeline").out;
    CHECK(text.find("digits.h5@290:") != std::string::npos);
    CHECK(text.find("digits.h5@0:6") != std::string::npos);
    CHECK(folder.must("reconstruct digits.h5@:3 -m m.h5 -o a.png --json").json().at("samples") ==
          3);

    // 2 columns of 28 pixels, each twice as large, with 2 between and around.
    folder.must("reconstruct digits.h5 -m m.h5 -q --count 2 --per-row 2 -o a.png");
    const std::string png = folder.read("a.png");
    CHECK(static_cast<unsigned char>(png[19]) == 2 * 56 + 6);
    CHECK(static_cast<unsigned char>(png[23]) == 2 * 56 + 6);
    CHECK(png.find("view.grid") != std::string::npos);  // who drew it
}

TEST_CASE("chart draws the mean and deviation of rows that agree, and names what is wrong",
          "[tools]") {
    const Folder folder;
    folder.write("t.csv", "kind,epochs,recall\na,1,0.2\na,1,0.4\na,10,0.9\nb,1,0.1\nb,10,0.2\n");
    const std::string words = "chart t.csv --x epochs --y recall --series kind ";
    folder.must(words + "--log-x --caption 'Two seeds' -o c.svg");
    const std::string svg = folder.read("c.svg");
    CHECK(svg.find("class=\"bar\"") != std::string::npos);  // 0.3 +- 0.14
    for (const char* text : {">a</text>", ">b</text>", "Two seeds", ">recall</text>"})
        CHECK(svg.find(text) != std::string::npos);
    folder.must(words + "--log-x --caption 'Two seeds' -o d.svg");
    CHECK(folder.read("d.svg") == svg);

    const Outcome column = folder.narrows("chart t.csv --x time --y recall -o e.svg");
    CHECK(column.code == 2);
    CHECK(column.err.find("it has kind, epochs, recall") != std::string::npos);
    CHECK(folder.narrows(words + "-o e.gif").code == 2);
    CHECK(folder.narrows(words + "-o t.csv").code == 2);
    folder.write("bad.csv", "epochs,recall\n1,0.5\n2,x\n");
    const Outcome number = folder.narrows("chart bad.csv --x epochs --y recall -o e.svg");
    CHECK(number.code == 4);
    CHECK(number.err.find("bad.csv:3: \"x\" in column recall") != std::string::npos);
    CHECK_FALSE(folder.has("e.svg"));
    folder.write("huge.csv", "x,y\n1,1e250\n1,-1e250\n2,0\n");  // whose squares overflow
    folder.must("chart huge.csv --x x --y y -o huge.svg");
    const std::string huge = folder.read("huge.svg");
    CHECK(huge.find("class=\"bar\"") != std::string::npos);
    CHECK(huge.find("nan") == std::string::npos);
    folder.write("huge.csv", "x,y\n1,1e308\n2,0\n");
    CHECK(folder.narrows("chart huge.csv --x x --y y -o e.svg").code == 4);
}
