# Toolchain for development on the host: clang 19 where it is installed, else the system's default
# compiler. CC and CXX in the environment take precedence.
if(NOT DEFINED ENV{CXX})
  find_program(clangxx clang++-19)
  find_program(clang clang-19)
  if(clangxx AND clang)
    set(CMAKE_C_COMPILER ${clang})
    set(CMAKE_CXX_COMPILER ${clangxx})
  endif()
endif()
