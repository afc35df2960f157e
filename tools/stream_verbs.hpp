// What encode, decode, reconstruct and evaluate share.
#pragma once

#include "pipeline/storage/part.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

// DATA, -m and, with `output`, -o.
void stream_options(CommandLine& line, recipes::StreamOptions& options, bool output);
// --on-drift, for verbs that give data to a trained model.
void drift_option(CommandLine& line, recipes::Source& source);
void level_option(CommandLine& line, recipes::StreamOptions& options);
// --part i/n, and after parse() what it means: the source's part, and where -o names a folder
// (Z.d), the part's file in it, which is made. Throws Error{Fault::usage}.
void part_option(CommandLine& line, std::string& part);
// DIR/part-00002.h5 where `output` is a folder for all parts, which is made.
std::string output_of_part(const Common& common, const storage::Part& part,
                           const std::string& output);
void take_part(const Common& common, const std::string& part, recipes::Source& source,
               std::string& output);
// Throws Error{Fault::input}: a classifier's model, which gives no reconstructions to work on.
constexpr const char* classes_instead =
    "narrows classify predict gives the classes; name the autoencoder that it was made of";
void refuse_classifier(const std::string& model, const std::string& hint);
// After parse(): seed, and whether the model's file is there (Fault::input).
void finish_options(const Common& common, recipes::StreamOptions& options);

}  // namespace narrows::tools
