// codec.decompress: rows of a compressed file as a source, every chunk against its checksum.
#pragma once

#include <memory>

#include "pipeline/storage/array_file.hpp"

namespace narrows::plugins {

class Decompress final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::string file_, dataset_;
    std::int64_t batch_ = 128;
    std::vector<std::int64_t> ids_;  // /ids of the file, where it has them
    std::shared_ptr<const storage::ArrayReader> rows_;
};

}  // namespace narrows::plugins
