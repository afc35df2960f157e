# The command, libraries, plugins, headers and the package that find_package(narrows) reads.
include(CMakePackageConfigHelpers)

add_library(narrows_pipeline INTERFACE)
target_link_libraries(narrows_pipeline INTERFACE narrows_flow narrows_substance)

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
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS narrows_probe RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/narrows)
# The command looks for its plugins in ../lib/narrows beside itself.
get_property(plugins GLOBAL PROPERTY NARROWS_PLUGINS)
install(TARGETS ${plugins} LIBRARY DESTINATION ${NARROWS_PLUGIN_DIR})
install(DIRECTORY pipeline datasets DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/narrows
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inl.hpp" EXCLUDE)

install(EXPORT narrows NAMESPACE narrows:: DESTINATION ${package_dir} FILE narrowsTargets.cmake)
configure_package_config_file(cmake/narrowsConfig.cmake.in
    ${CMAKE_BINARY_DIR}/narrowsConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/narrowsConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/narrowsConfig.cmake
              ${CMAKE_BINARY_DIR}/narrowsConfigVersion.cmake
        DESTINATION ${package_dir})
