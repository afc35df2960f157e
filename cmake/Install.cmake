# Filled in by the install rules: command, libraries, plugins, headers and the CMake package.
