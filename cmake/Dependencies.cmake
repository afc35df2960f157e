# Debian 12's packages; newer ones work too. Each library is used in the rooms that name it.
find_package(Threads REQUIRED)
find_package(TBB REQUIRED COMPONENTS tbb)
find_package(xtensor REQUIRED)
# xtensor 0.26 moved its headers into folders: the old name then leads to the new place.
if(xtensor_VERSION VERSION_GREATER_EQUAL 0.26)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/compat/xtensor/xtensor.hpp
         CONTENT "#include <xtensor/containers/xtensor.hpp>\n")
    include_directories(SYSTEM ${CMAKE_BINARY_DIR}/compat)
    install(DIRECTORY ${CMAKE_BINARY_DIR}/compat/xtensor DESTINATION include/narrows COMPONENT development)
endif()
find_package(xsimd REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(HDF5 REQUIRED COMPONENTS C HL)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libdeflate REQUIRED IMPORTED_TARGET libdeflate)
# Optional: chunks that others packed with HDF5's LZ4 and Blosc filters.
pkg_check_modules(lz4 IMPORTED_TARGET liblz4)
pkg_check_modules(blosc IMPORTED_TARGET blosc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
find_package(tomlplusplus QUIET)
if(NOT TARGET tomlplusplus::tomlplusplus)
    pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
    add_library(tomlplusplus::tomlplusplus ALIAS PkgConfig::tomlplusplus)
endif()
find_package(Protobuf REQUIRED)  # of ONNX files
pkg_check_modules(spng REQUIRED IMPORTED_TARGET spng)

# HDF5's own CMake package and FindHDF5 give different targets: one name for both.
add_library(narrows_hdf5 INTERFACE)
target_include_directories(narrows_hdf5 SYSTEM INTERFACE $<BUILD_INTERFACE:${HDF5_INCLUDE_DIRS}>)
target_compile_definitions(narrows_hdf5 INTERFACE ${HDF5_DEFINITIONS})
target_link_libraries(narrows_hdf5 INTERFACE ${HDF5_HL_LIBRARIES} ${HDF5_C_LIBRARIES})

# Random123 is headers without a package file.
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)

# Chart.js draws the pages of `narrows report` and is put into the command. Without it the rest works.
find_file(NARROWS_CHART_JS NAMES Chart.min.js chart.min.js
          PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist NO_DEFAULT_PATH)
