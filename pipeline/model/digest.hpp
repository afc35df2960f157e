// SHA-256 over texts and little-endian floats (OpenSSL's, so that it is known to be right).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace narrows::model {

class Digest {
public:
    Digest();
    ~Digest();
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    // Each part goes in behind its length.
    void text(std::string_view text);
    void values(std::span<const float> values);
    std::string hex();  // ends the digest

private:
    void add(const void* data, std::size_t bytes);
    void* context_ = nullptr;
};

}  // namespace narrows::model
