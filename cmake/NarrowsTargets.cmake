# Helpers that keep folder files short.

add_library(narrows_flags INTERFACE)
target_compile_options(narrows_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
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

# narrows_room(NAME LIBRARIES ...): the sources of the current folder as one object library.
function(narrows_room name)
    cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.cpp)
    add_library(narrows_room_${name} OBJECT ${sources})
    target_include_directories(narrows_room_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(narrows_room_${name} PRIVATE narrows_flags PUBLIC ${ARG_LIBRARIES})
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
    set_target_properties(narrows_plugin_${name} PROPERTIES
        PREFIX "" OUTPUT_NAME narrows_${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${NARROWS_PLUGIN_DIR}
        INSTALL_RPATH "$ORIGIN/.."
        BUILD_RPATH "$ORIGIN/..")
    set_property(GLOBAL APPEND PROPERTY NARROWS_PLUGINS narrows_plugin_${name})
endfunction()

# narrows_test(NAME LIBRARIES ...): the sources of tests/NAME as one Catch2 program.
function(narrows_test name)
    cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
    if(NOT sources)
        return()
    endif()
    add_executable(test_${name} ${sources})
    target_link_libraries(test_${name} PRIVATE narrows_flags narrows_test_main ${ARG_LIBRARIES})
    target_compile_definitions(test_${name} PRIVATE
        NARROWS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" NARROWS_BUILD_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
    if(NARROWS_SANITIZE MATCHES "thread")
        set_tests_properties(${name} PROPERTIES ENVIRONMENT
            "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp")
    endif()
endfunction()
