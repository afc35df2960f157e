// Bounds as the command line says them, and what they mean for the datasets of a file.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/packed_inputs.hpp"

namespace narrows::tools {

using Bounds = std::vector<std::pair<std::string, codec::Wanted>>;

// One of --abs, --rel, --pointwise, --psnr and --lossless, or none. Throws Error{Fault::usage} when
// there are two, or a number that cannot be.
codec::Wanted wanted_of(const std::optional<double>& absolute, const std::optional<double>& range,
                        const std::optional<double>& pointwise, const std::optional<double>& psnr,
                        bool lossless);

// The texts of --per-variable: "NAME=KIND:E" or "NAME=lossless".
Bounds bounds_of_variables(const std::vector<std::string>& texts);

const codec::Wanted* named(const Bounds& bounds, const std::string& path);  // null: not there

// Integers stay exact beside floating-point data, and what has one axis (row numbers, labels,
// coordinates) beside data of more, unless they are named.
void keep_exact(const std::vector<codec::Input>& inputs, Bounds& bounds);

// The checksums that narrows keeps beside samples say nothing of values that a bound may change;
// chunks have their own.
void leave_out_checksums(std::vector<codec::Input>& inputs, const codec::Job& job);

// Throws Error{Fault::usage} where a dataset that has a bound of its own is not there.
void check_names(const std::vector<codec::Input>& inputs, const Bounds& bounds);

// Throws Error{Fault::usage} where a dataset has no bound and needs one.
void check_bounds(const std::vector<codec::Input>& inputs, const codec::Job& job);

}  // namespace narrows::tools
