// The accessors of the level files, for dispatch.cpp only. Each returns null where the compiler's
// target has no such level.
#pragma once

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/residuals.hpp"

namespace narrows::simd {

const Kernels* portable_table();
const Kernels* avx2_table();
const Kernels* avx512_table();
const Kernels* avx512_vnni_table();  // avx512 with the int8 product of VNNI
const Kernels* neon_table();

const CodingKernels* portable_coding();
const CodingKernels* avx2_coding();
const CodingKernels* avx512_coding();
const CodingKernels* neon_coding();

}  // namespace narrows::simd
