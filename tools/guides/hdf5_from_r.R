# What narrows writes, read with hdf5r; and what R has, written so that narrows takes it. R counts an
# array's axes from the other end: a dataset [N, code] of the file is a matrix of code rows here.
# Usage: Rscript hdf5_from_r.R read CODES.h5
#        Rscript hdf5_from_r.R write OUT.h5
suppressPackageStartupMessages(library(hdf5r))

read_codes <- function(path) {
    file <- H5File$new(path, mode = "r")
    format <- h5attr(file, "format")
    if (format != "narrows-codes") stop(path, " is a ", format, ", not narrows-codes")
    codes <- t(file[["codes"]][, ])                       # one row a sample again
    cat(sprintf("codes     %d of %d values\n", nrow(codes), ncol(codes)))
    if (file$exists("sse")) cat(sprintf("sse       %.6g\n", mean(file[["sse"]][])))
    components <- prcomp(codes)
    share <- components$sdev^2 / sum(components$sdev^2)
    cat(sprintf("first component carries %.3f of the variance\n", share[1]))
    file$close_all()
}

write_samples <- function(path) {
    set.seed(1)
    samples <- matrix(runif(300 * 4), nrow = 4)           # 300 samples of 4 values
    file <- H5File$new(path, mode = "w")
    h5attr(file, "format") <- "narrows-dataset"
    h5attr(file, "format_version") <- 1L
    file$create_dataset("samples", samples, dtype = h5types$H5T_IEEE_F32LE, gzip_level = NULL, chunk_dims = NULL)
    file$create_dataset("ids", 0:299, dtype = h5types$H5T_STD_I64LE, gzip_level = NULL, chunk_dims = NULL)
    file$close_all()
    cat("wrote", path, "\n")
}

words <- commandArgs(trailingOnly = TRUE)
if (length(words) != 2 || !(words[1] %in% c("read", "write"))) stop("usage: hdf5_from_r.R read|write FILE.h5")
if (words[1] == "read") read_codes(words[2]) else write_samples(words[2])
