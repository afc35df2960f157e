// Bytes as text, for pictures inside pages (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

#include "pipeline/node.hpp"

namespace narrows::pictures {

NARROWS_PUBLIC std::string base64(std::string_view bytes);

}  // namespace narrows::pictures
