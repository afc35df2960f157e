// The block in front of models and checkpoints: what is accepted is what was written.
#include "pipeline/storage/header.hpp"
#include "tests/fuzz/target.hpp"

using namespace narrows;

std::vector<std::string> fuzz::seeds() {
    static const std::string whole = [] {
        const MemoryFile file;
        const std::string payload = "the payload of a model, which is HDF5";
        file.put(std::string(storage::header_bytes, '\0') + payload);
        storage::HashStream hash;
        hash.add(payload.data(), payload.size());
        storage::write_header(file.number(), {77}, hash.value(), "model.h5");
        std::string bytes(storage::header_bytes + 37, '\0');
        if (::pread(file.number(), bytes.data(), bytes.size(), 0) !=
            static_cast<ssize_t>(bytes.size()))
            std::abort();
        return bytes;
    }();
    return {whole};
}

void fuzz::run(std::string_view input) {
    static const MemoryFile file;
    static const std::string good = seeds()[0];
    file.put(input);
    try {
        storage::verify_header(file.number(), "model.h5");
    } catch (const Error&) {
        return;
    }
    if (input != good) fail("another file was accepted");
}
