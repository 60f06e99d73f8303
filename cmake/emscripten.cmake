# Toolchain: WebAssembly by Emscripten, run under node.
#
# The compiler is the em++ on the PATH if it is new enough, else the one that scripts/setup keeps
# in the user's cache folder. GRADCAM_WASM_SIMD chooses between the three builds.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(EMSCRIPTEN TRUE)
set(GRADCAM_WASM_SIMD simd128 CACHE STRING "Instructions for vectors: none, simd128 or relaxed")
set_property(CACHE GRADCAM_WASM_SIMD PROPERTY STRINGS none simd128 relaxed)
if(NOT GRADCAM_WASM_SIMD MATCHES "^(none|simd128|relaxed)$")
  message(FATAL_ERROR "GRADCAM_WASM_SIMD is '${GRADCAM_WASM_SIMD}', not none, simd128 or relaxed.")
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GRADCAM_WASM_SIMD GRADCAM_EMXX)

# Relaxed SIMD got its final opcodes in binaryen 117 and <expected> came with libc++ 18.
set(oldest_emscripten 3.1.60)

if(NOT GRADCAM_EMXX)
  find_program(emxx em++)
  if(emxx)
    execute_process(COMMAND ${emxx} --version OUTPUT_VARIABLE version ERROR_QUIET)
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
    if(version VERSION_LESS oldest_emscripten)
      unset(emxx CACHE)
    endif()
  endif()
  if(NOT emxx)
    set(cache "$ENV{XDG_CACHE_HOME}")
    if(NOT cache)
      set(cache "$ENV{HOME}/.cache")
    endif()
    file(GLOB emxx "${cache}/gradcam.cpp/emscripten-*/bin/em++")
  endif()
  if(NOT emxx)
    message(FATAL_ERROR "No Emscripten ${oldest_emscripten} or newer: run scripts/setup wasm, "
                        "or put em++ on the PATH.")
  endif()
  list(GET emxx -1 emxx)
  set(GRADCAM_EMXX ${emxx} CACHE FILEPATH "Emscripten's C++ compiler")
endif()

cmake_path(GET GRADCAM_EMXX PARENT_PATH emscripten_bin)
set(CMAKE_C_COMPILER ${emscripten_bin}/emcc)
set(CMAKE_CXX_COMPILER ${emscripten_bin}/em++)
set(CMAKE_AR ${emscripten_bin}/emar CACHE FILEPATH "Archiver")
set(CMAKE_RANLIB ${emscripten_bin}/emranlib CACHE FILEPATH "Archive indexer")
set(CMAKE_EXECUTABLE_SUFFIX .js)

# The host's libraries and packages are of no use here; header-only ones are named explicitly.
set(CMAKE_FIND_ROOT_PATH ${emscripten_bin})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE NEVER)

# Without SIMD: as in a browser on a processor from before 2010, which refuses it.
# Node's baseline compiler gets relaxed dot products wrong, and before version 21 relaxed SIMD
# hides behind a flag that later versions refuse.
find_program(NODE node REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${NODE})
if(GRADCAM_WASM_SIMD STREQUAL none)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR --no-enable-sse4-1)
elseif(GRADCAM_WASM_SIMD STREQUAL relaxed)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR --no-liftoff)
  if(NOT DEFINED GRADCAM_NODE_HIDES_RELAXED_SIMD)
    execute_process(COMMAND ${NODE} --version OUTPUT_VARIABLE version)
    string(REGEX MATCH "[0-9]+" version "${version}")
    if(version LESS 21)
      set(hidden TRUE)
    else()
      set(hidden FALSE)
    endif()
    set(GRADCAM_NODE_HIDES_RELAXED_SIMD ${hidden} CACHE INTERNAL "")
  endif()
  if(GRADCAM_NODE_HIDES_RELAXED_SIMD)
    list(APPEND CMAKE_CROSSCOMPILING_EMULATOR --experimental-wasm-relaxed-simd)
  endif()
endif()
