// Models out of sample rows: which earlier values predict a value, and with what weights. One rule:
// sums run in a fixed order, tasks are cut by number: the same model for any thread count. Private
// to the room.
#pragma once

#include "pipeline/codec/model.hpp"

namespace narrows::codec {

// Rows of values in double, as they follow each other (blocks of the dataset, with `breaks` at the
// first row of each); values that are not finite, or fill, have known = 0.
struct Sample {
    std::size_t rows = 0, columns = 0;  // columns: values of a row
    std::vector<double> values;         // [rows, columns]
    std::vector<std::size_t> breaks;
    double bound = 0;  // absolute; noise that decoded values carry
};

struct FittedModel {
    std::shared_ptr<const Model> model;  // as read back from `bytes`
    Bytes bytes;
    std::string name;  // "16 terms, 1/4096"
};

// Causal linear autoencoders of several sizes, features in their own order and by what they tell
// about the others. Terms are chosen one by one by what they explain (orthogonal least squares,
// Chen, Billings and Luo 1989) while they save more bits than they cost. Empty: too many features.
std::vector<FittedModel> fit_rows(const Sample& sample, double rows_of_dataset, const Loop& loop);

// Least squares over the neighbours of a value, with and without a mean pattern over rows. `lines`
// and `columns` of a plane; a row holds whole planes.
std::vector<FittedModel> fit_field(const Sample& sample, std::size_t lines, std::size_t columns,
                                   const Loop& loop);

}  // namespace narrows::codec
