#include "pipeline/model/digest.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <new>

#include <openssl/evp.h>

namespace narrows::model {

static_assert(std::endian::native == std::endian::little,
              "digests are defined over little-endian values");

namespace {

// OpenSSL says nothing else than that: it has no memory, else these calls do not fail.
void require(int done) {
    if (done != 1) throw std::bad_alloc();
}

}  // namespace

Digest::Digest() : context_(EVP_MD_CTX_new()) {
    auto* const context = static_cast<EVP_MD_CTX*>(context_);
    if (context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1) return;
    EVP_MD_CTX_free(context);
    throw std::bad_alloc();
}
Digest::~Digest() {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Digest::add(const void* data, std::size_t bytes) {
    const std::uint64_t length = bytes;
    require(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), &length, sizeof length));
    require(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data, bytes));
}
void Digest::text(std::string_view text) {
    add(text.data(), text.size());
}
void Digest::values(std::span<const float> values) {
    add(values.data(), values.size_bytes());
}

std::string Digest::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    require(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), bytes.data(), &size));
    std::string text;
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned int i = 0; i < size; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

}  // namespace narrows::model
