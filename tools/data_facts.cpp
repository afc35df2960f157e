#include "tools/data_facts.hpp"

#include "tools/console.hpp"

namespace narrows::tools {

recipes::DataFacts training_facts(const datasets::Dataset& data, const recipes::Source& source,
                                  const Common& common) {
    std::vector<std::string> advice, details;
    const recipes::DataFacts facts = program::training_facts(data, source, &advice, &details);
    for (const std::string& text : advice) say(common, text);
    for (const std::string& text : details) detail(common, text);
    return facts;
}

}  // namespace narrows::tools
