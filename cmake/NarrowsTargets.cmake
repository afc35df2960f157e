# Helpers that keep folder files short.

add_library(narrows_flags INTERFACE)
target_compile_options(narrows_flags INTERFACE -Wall -Wextra -Wpedantic
    # Sources that are compiled together see each other's names.
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow> -Wconversion
    -Wno-sign-conversion -Wno-unknown-pragmas $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    -ffp-contract=off)
if(NARROWS_STRICT)
    target_compile_options(narrows_flags INTERFACE -Werror)
endif()
if(NARROWS_SANITIZE)
    # Not vptr: oneTBB's flow graph casts its task pointers before the objects are made.
    add_compile_options(-fsanitize=${NARROWS_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize=vptr -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${NARROWS_SANITIZE})
endif()

if(NARROWS_FUZZ)  # with clang: coverage for libFuzzer, in everything that its targets call
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# A clean build in 5 minutes instead of 9, on two cores: headers of others are precompiled, many
# sources compiled six at a time. All build without too: so where warnings are errors, and behind
# ccache, which would store little.
set(quick ON)
if(NARROWS_STRICT OR CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    set(quick OFF)
endif()
option(NARROWS_QUICK_BUILD "Precompile headers, compile several sources at once" ${quick})

# narrows_precompile(TARGET NAME): `cmake/precompiled/NAME.hpp`, compiled once and shared by all
# targets of the same type; an executable's code is compiled otherwise than a library's.
function(narrows_precompile target name)
    if(NOT NARROWS_QUICK_BUILD)
        return()
    endif()
    get_target_property(type ${target} TYPE)
    set(owner narrows_precompiled_${name})
    if(type STREQUAL EXECUTABLE)
        set(owner ${owner}_executable)
    endif()
    if(NOT TARGET ${owner})
        set(source ${PROJECT_SOURCE_DIR}/cmake/precompiled/empty.cpp)
        if(type STREQUAL EXECUTABLE)
            add_executable(${owner} EXCLUDE_FROM_ALL ${source})
        else()
            add_library(${owner} OBJECT EXCLUDE_FROM_ALL ${source})
        endif()
        target_include_directories(${owner} PRIVATE ${PROJECT_SOURCE_DIR})
        target_link_libraries(${owner} PRIVATE narrows_flags fmt::fmt xtensor)
        target_precompile_headers(${owner} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled/${name}.hpp)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${owner})
    # GCC 12 loses track there of what is a system header, and tells its wrong guesses about strings.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;
        -Wno-stringop-overflow;-Wno-stringop-overread>)
endfunction()

# narrows_unite(TARGET): several of its sources at once. What they keep to themselves needs different
# names then.
function(narrows_unite target)
    if(NARROWS_QUICK_BUILD)
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
        target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    endif()
endfunction()

# narrows_count(TARGET ROOM): its branches are counted where those of the room are: by clang those of
# the source, by gcc also what it makes of exceptions and temporaries.
set(clang_counts "$<CXX_COMPILER_ID:Clang>")
function(narrows_count target room)
    if(room IN_LIST NARROWS_COVERAGE)  # as written: optimising joins branches
        target_compile_options(${target} PRIVATE -fprofile-update=atomic -O0
            "$<IF:${clang_counts},-fprofile-instr-generate;-fcoverage-mapping,--coverage>")
        target_compile_definitions(${target} PRIVATE NARROWS_COUNTED)
    endif()
endfunction()

# narrows_room(NAME [UNITE] LIBRARIES ...): the sources of the current folder as one object library.
function(narrows_room name)
    cmake_parse_arguments(ARG "UNITE" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.cpp)
    add_library(narrows_room_${name} OBJECT ${sources})
    target_include_directories(narrows_room_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(narrows_room_${name} PRIVATE narrows_flags PUBLIC ${ARG_LIBRARIES})
    if(xtensor IN_LIST ARG_LIBRARIES AND fmt::fmt IN_LIST ARG_LIBRARIES)
        narrows_precompile(narrows_room_${name} tensors)
    elseif(fmt::fmt IN_LIST ARG_LIBRARIES)
        narrows_precompile(narrows_room_${name} std)
    endif()
    if(ARG_UNITE)
        narrows_unite(narrows_room_${name})
    endif()
    narrows_count(narrows_room_${name} ${name})
    if(name IN_LIST NARROWS_COVERAGE)
        target_link_options(narrows_room_${name} INTERFACE
            "$<IF:${clang_counts},-fprofile-instr-generate,--coverage>")
    endif()
endfunction()

# narrows_column(NAME ROOMS ... LIBRARIES ...): rooms linked into one shared library that needs
# nothing but what is listed (undefined symbols are errors: arrows run downward only).
function(narrows_column name)
    cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES" ${ARGN})
    add_library(narrows_${name} SHARED)
    foreach(room ${ARG_ROOMS})
        target_link_libraries(narrows_${name} PRIVATE narrows_room_${room})
    endforeach()
    target_link_libraries(narrows_${name} PUBLIC ${ARG_LIBRARIES})
    target_include_directories(narrows_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    if(NOT NARROWS_SANITIZE)
        target_link_options(narrows_${name} PRIVATE -Wl,--no-undefined)
    endif()
    set_target_properties(narrows_${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
endfunction()

# narrows_plugin(NAME LIBRARIES ...): the sources of the current folder as one plugin.
function(narrows_plugin name)
    cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.cpp)
    add_library(narrows_plugin_${name} MODULE ${sources})
    target_link_libraries(narrows_plugin_${name} PRIVATE narrows_flags narrows_node ${ARG_LIBRARIES})
    if(fmt::fmt IN_LIST ARG_LIBRARIES)
        narrows_precompile(narrows_plugin_${name} tensors)
        narrows_unite(narrows_plugin_${name})
    endif()
    set_target_properties(narrows_plugin_${name} PROPERTIES
        PREFIX "" OUTPUT_NAME narrows_${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${NARROWS_PLUGIN_DIR}
        INSTALL_RPATH "$ORIGIN/..")
    set_property(GLOBAL APPEND PROPERTY NARROWS_PLUGINS narrows_plugin_${name})
endfunction()

# narrows_test(NAME [UNITE] LIBRARIES ...): the sources of tests/NAME as one Catch2 program.
function(narrows_test name)
    cmake_parse_arguments(ARG "UNITE" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
    if(NOT sources)
        return()
    endif()
    add_executable(test_${name} ${sources})
    target_link_libraries(test_${name} PRIVATE narrows_flags narrows_test_main ${ARG_LIBRARIES})
    narrows_precompile(test_${name} tests)
    if(ARG_UNITE)
        narrows_unite(test_${name})
    endif()
    target_compile_definitions(test_${name} PRIVATE
        NARROWS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" NARROWS_BUILD_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
    if(NARROWS_SANITIZE MATCHES "thread")
        set_tests_properties(${name} PROPERTIES ENVIRONMENT
            "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp")
    endif()
endfunction()
