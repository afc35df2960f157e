# The command, libraries, plugins, headers and the package that find_package(narrows) reads.
# Two components: runtime, and development for what a compiler reads.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/narrows)
set_target_properties(narrows_node PROPERTIES EXPORT_NAME node)
set_target_properties(narrows_flow PROPERTIES EXPORT_NAME flow)
set_target_properties(narrows_substance PROPERTIES EXPORT_NAME substance)
set_target_properties(narrows_pipeline PROPERTIES EXPORT_NAME pipeline)
foreach(library node flow substance pipeline)
    add_library(narrows::${library} ALIAS narrows_${library})
    target_include_directories(narrows_${library} INTERFACE
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/narrows>)
    target_compile_features(narrows_${library} INTERFACE cxx_std_20)
endforeach()

install(TARGETS narrows narrows_node narrows_flow narrows_substance narrows_pipeline
        EXPORT narrows
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT development)
install(TARGETS narrows_probe RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/narrows)
# The command looks for its plugins in ../lib/narrows beside itself.
get_property(plugins GLOBAL PROPERTY NARROWS_PLUGINS)
install(TARGETS ${plugins} LIBRARY DESTINATION ${NARROWS_PLUGIN_DIR})
install(DIRECTORY pipeline datasets DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/narrows
        COMPONENT development
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inl.hpp" EXCLUDE)

# Manual pages and completion: tools/CMakeLists.txt makes them.
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
foreach(place bash:bash-completion/completions/narrows zsh:zsh/site-functions/_narrows
              fish:fish/vendor_completions.d/narrows.fish)
    string(REGEX MATCH "^([a-z]+):(.+)/([^/]+)$" ignored ${place})
    install(FILES ${CMAKE_BINARY_DIR}/share/completion/narrows.${CMAKE_MATCH_1}
            DESTINATION ${CMAKE_INSTALL_DATADIR}/${CMAKE_MATCH_2} RENAME ${CMAKE_MATCH_3})
endforeach()

install(EXPORT narrows NAMESPACE narrows:: DESTINATION ${package_dir} FILE narrowsTargets.cmake
        COMPONENT development)
configure_package_config_file(cmake/narrowsConfig.cmake.in
    ${CMAKE_BINARY_DIR}/narrowsConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/narrowsConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/narrowsConfig.cmake
              ${CMAKE_BINARY_DIR}/narrowsConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

# For builds without CMake. The prefix is found from the file's own place, so that it can be moved.
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/narrows.pc.in ${CMAKE_BINARY_DIR}/narrows.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/narrows.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/sbom.cdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(FILES README.md NODES.md SECURITY.md plugins/FIRST_PLUGIN.md plugins/FIRST_LAYER.md
              pipeline/recipes/AUTOENCODERS.md pipeline/storage/FORMATS.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

include(cmake/Package.cmake)
