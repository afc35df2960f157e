// TOML pipelines: reading, checking against the registry, messages for people, and writing.
// One rule: every error of a level comes at once, in file order (PIPELINES: syntax; keys, types and
// parameters; wiring).
#pragma once

#include "pipeline/language/pipeline.hpp"
#include "pipeline/registry/registry.hpp"

namespace narrows::language {

struct Diagnostic {
    Position position;               // in the file, or in `argument` when that is not empty
    std::string text;                // "node \"noisy\": no node type \"corrupt.gausian\""
    std::vector<std::string> notes;  // "did you mean ...": one "= " line each
    std::string argument;            // the --set argument that is to blame
};

// All diagnostics of the level that failed; what() is the whole rendered text as printed.
class NARROWS_PUBLIC PipelineError : public Error {
public:
    PipelineError(std::vector<Diagnostic> diagnostics, const std::string& rendered);
    ~PipelineError() override;
    const std::vector<Diagnostic>& diagnostics() const noexcept { return diagnostics_; }

private:
    std::vector<Diagnostic> diagnostics_;
};

// May names of outputs be missing? They are in a text that write() made portable; parse() then
// gives them an empty name.
enum class Outputs : std::uint8_t { named, left_out };

// `source` names the text in messages. `overrides` are `--set` arguments, "node.noisy.sigma=0.5".
// Throws PipelineError (or Error with Fault::plugin).
NARROWS_PUBLIC Pipeline parse(std::string_view text, std::string_view source,
                              const registry::Registry& registry,
                              std::span<const std::string> overrides = {},
                              Outputs outputs = Outputs::named);

// The canonical TOML of a pipeline: resolved ([vars] replaced, defaults left out), stable order;
// parse(write(p)) is p. With `portable`, names of files lose their folders and outputs their name:
// the text that a model or checkpoint stores.
NARROWS_PUBLIC std::string write(const Pipeline& pipeline, bool portable = false);

// One diagnostic as it is printed: source:line:col, the line, a caret run, notes.
NARROWS_PUBLIC std::string render(const Diagnostic& diagnostic, std::string_view source,
                                  std::string_view text);

// Up to three names within max(1, length / 3) edits (optimal string alignment, case folded).
NARROWS_PUBLIC std::vector<std::string> suggest(std::string_view name,
                                                std::span<const std::string> known);

}  // namespace narrows::language
