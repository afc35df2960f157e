// How storage decodes our chunks when it reads a dataset of a compressed file.
#include "pipeline/codec/chunk.hpp"
#include "pipeline/codec/models.hpp"

namespace narrows::codec {

namespace {

class Decoder final : public storage::ChunkDecoder {
public:
    Decoder(Numeric type, std::shared_ptr<const Model> model)
        : type_(type), model_(std::move(model)) {}
    bool decode(std::span<const std::byte> stored, std::span<std::byte> chunk) const override {
        return decode_chunk(stored, type_, model_.get(), chunk);
    }

private:
    Numeric type_;
    std::shared_ptr<const Model> model_;
};

std::shared_ptr<const storage::ChunkDecoder> make_decoder(
    const storage::ArrayInfo& info, FunctionRef<std::vector<std::byte>(const std::string&)> fetch) {
    std::shared_ptr<const Model> model;
    for (const auto& [name, value] : info.attributes) {
        if (name != "narrows_model") continue;
        const auto* hash = std::get_if<std::string>(&value);
        const std::string path = "/.models/" + (hash == nullptr ? std::string() : *hash);
        Bytes bytes;
        try {
            bytes = fetch(path);
        } catch (const Error&) {  // only the hash is here
            std::optional<Bytes> found = hash == nullptr ? std::nullopt : find_model(*hash);
            if (!found)
                throw Error(Fault::input,
                            path + ", the model of " + info.path + ", is not in this file",
                            "-m FILE that it was fitted for, or put that on NARROWS_MODEL_PATH");
            bytes = std::move(*found);
        }
        try {
            if (hash == nullptr || hash_of(bytes) != *hash) throw Damaged{"hash"};
            model = read_model(bytes);
        } catch (const Damaged&) {
            throw Error(Fault::input, path + ", the model of " + info.path + ", is damaged",
                        "copy or make the file again");
        }
    }
    return std::make_shared<Decoder>(info.type, std::move(model));
}

[[maybe_unused]] const bool installed = (storage::set_chunk_decoder(make_decoder), true);

}  // namespace

}  // namespace narrows::codec
