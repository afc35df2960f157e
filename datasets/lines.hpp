// Text files line by line, gzipped or not. Private to the readers of text.
#pragma once

#include <algorithm>
#include <cstring>

#include "datasets/bytes.hpp"

namespace narrows::datasets {

// Lines of a file, without their ends.
class Lines {
public:
    Lines(const std::string& file, std::uint64_t budget)
        : bytes_(open_bytes(file, budget)), block_(1 << 18) {}
    bool next(std::string& line) {
        line.clear();
        for (;;) {
            const char* from = block_.data() + at_;
            const auto* end = static_cast<const char*>(std::memchr(from, '\n', filled_ - at_));
            if (end != nullptr) {
                line.append(from, end);
                at_ += static_cast<std::size_t>(end - from) + 1;
                break;
            }
            line.append(from, filled_ - at_);
            at_ = filled_ = 0;
            const std::uint64_t left = bytes_->size() - read_;
            if (left == 0) {
                if (line.empty()) return false;
                break;
            }
            filled_ = static_cast<std::size_t>(std::min<std::uint64_t>(left, block_.size()));
            bytes_->read(read_, filled_, reinterpret_cast<std::byte*>(block_.data()));
            read_ += filled_;
        }
        if (line.ends_with('\r')) line.pop_back();
        ++number_;
        return true;
    }
    std::int64_t number() const { return number_; }

private:
    std::shared_ptr<const Bytes> bytes_;
    std::vector<char> block_;
    std::size_t at_ = 0, filled_ = 0;
    std::uint64_t read_ = 0;
    std::int64_t number_ = 0;
};

}  // namespace narrows::datasets
