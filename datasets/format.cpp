#include "datasets/format.hpp"

#include <algorithm>
#include <mutex>

#include "datasets/formats.hpp"

namespace narrows::datasets {
namespace {

struct Offered {
    std::mutex mutex;
    std::vector<std::function<std::vector<NamedFormat>()>> unasked;
    std::vector<NamedFormat> known;
};

Offered& offered() {
    static Offered all;
    return all;
}

}  // namespace

Format::~Format() = default;

void offer_formats(std::function<std::vector<NamedFormat>()> find) {
    Offered& all = offered();
    const std::lock_guard lock(all.mutex);
    all.unasked.push_back(std::move(find));
}

std::vector<NamedFormat> other_formats() {
    Offered& all = offered();
    const std::lock_guard lock(all.mutex);
    while (!all.unasked.empty()) {
        std::vector<NamedFormat> found =
            all.unasked.front()();  // where it throws, it is asked again
        all.unasked.erase(all.unasked.begin());
        for (NamedFormat& one : found)
            if (std::none_of(all.known.begin(), all.known.end(),
                             [&](const NamedFormat& known) { return known.name == one.name; }))
                all.known.push_back(std::move(one));
    }
    return all.known;
}

}  // namespace narrows::datasets
