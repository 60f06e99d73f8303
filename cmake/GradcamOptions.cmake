# How our own code is compiled: the target gradcam_options, linked privately by every target.
add_library(gradcam_options INTERFACE)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
if(NOT EMSCRIPTEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

# The kernels are written over 4-wide vectors, which every target has without -march flags. A
# multiplication and an addition may be fused where the target can.
target_compile_options(gradcam_options INTERFACE -ffp-contract=fast)

# For what computes with vectors; all else is the same in every build for WebAssembly, so that the
# compiler's cache has it for the next one.
set(vector_instructions)
if(GRADCAM_WASM_SIMD STREQUAL relaxed)
  set(vector_instructions -mrelaxed-simd)
elseif(GRADCAM_WASM_SIMD STREQUAL simd128)
  set(vector_instructions -msimd128)
endif()

# The engine needs neither exceptions nor RTTI; in wasm they would cost size.
if(EMSCRIPTEN)
  target_compile_options(gradcam_options INTERFACE -fno-exceptions -fno-rtti)
endif()

if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(gradcam_options INTERFACE -Wall -Wextra -Wpedantic
    $<$<CXX_COMPILER_ID:Clang>:-Wshadow>
    # GCC 12 sees overlaps in std::string (GCC bug 105651), and overflows in std::vector, that are
    # not there.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)

  find_program(CCACHE ccache)
  if(CCACHE)
    # The base folder and paths in messages that begin at it let other clones find what this one
    # compiled.
    target_compile_options(gradcam_options INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
    set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1)
    if(EMSCRIPTEN)
      # The name em++ does not tell ccache what kind of compiler it is.
      list(APPEND launcher CCACHE_COMPILERTYPE=clang)
    endif()
    list(APPEND launcher ${CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  endif()
endif()

# Most of a test and of the command line runs once: compiling it faster is worth more than running
# it faster. The optimizer takes long over sanitizers' checks.
add_library(gradcam_runs_once INTERFACE)
if(GRADCAM_SANITIZE)
  target_compile_options(gradcam_runs_once INTERFACE -O0)
else()
  target_compile_options(gradcam_runs_once INTERFACE -O1)
endif()

if(GRADCAM_SANITIZE)
  add_compile_options(-fsanitize=${GRADCAM_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${GRADCAM_SANITIZE})
endif()
