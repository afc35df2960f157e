// Files of codes with damage anywhere, through the whole way of reading: the probe may fall, this
// process never. Slow, a process an execution.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pipeline/storage/array_file.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;

std::vector<std::string> fuzz::seeds() {
    std::string name = (std::filesystem::temp_directory_path() / "narrows-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    const std::filesystem::path folder = name, path = folder / "z.h5";
    {
        storage::CodesLayout layout;
        layout.rows = 50;
        layout.columns = {{"/codes", Type::f32, Shape{3}}, {"/ids", Type::i64, {}}};
        layout.attributes = {{"model_sha256", std::string(64, 'a')}};
        storage::CodesWriter writer(path, layout, false);
        const std::vector<float> codes(150, 0.5f);
        const std::vector<std::int64_t> ids(50, 7);
        writer.write(0, 0, 50, codes.data());
        writer.write(1, 0, 50, ids.data());
        writer.rows_written(50);
        writer.commit();
    }
    std::ifstream in(path, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    std::filesystem::remove_all(folder);
    return {whole};
}

void fuzz::run(std::string_view input) {
    static const MemoryFile memory;
    memory.put(input);
    try {
        const storage::ArrayFile file(memory.path());
        for (const storage::ArrayInfo& array : file.look().arrays) {
            if (array.shape.elements() > 1 << 20 || !array.numeric) continue;
            const auto reader = file.open(array.path);
            std::vector<float> values(static_cast<std::size_t>(array.shape.elements()));
            reader->read(0, array.shape.rank() == 0 ? 1 : array.shape[0], values.data(), true);
        }
    } catch (const Error&) {
    }
}
