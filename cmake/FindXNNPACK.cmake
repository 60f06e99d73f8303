# Finds XNNPACK as scripts/setup builds it (cmake/xnnpack) and defines XNNPACK::XNNPACK.
#
# It is looked for in XNNPACK_ROOT, then in the user's cache folder under the platform's name. It
# has no version number of its own; the newest build wins. Nothing is kept in the cache: with
# another build or installation of gradcam, another XNNPACK is found.

if(EMSCRIPTEN)
  set(_xnnpack_build wasm-simd)
  if(GRADCAM_WASM_SIMD STREQUAL relaxed)
    set(_xnnpack_build wasm-relaxed)
  endif()
else()
  set(_xnnpack_build native)
endif()

if(NOT XNNPACK_ROOT)
  set(_xnnpack_cache "$ENV{XDG_CACHE_HOME}")
  if(NOT _xnnpack_cache)
    set(_xnnpack_cache "$ENV{HOME}/.cache")
  endif()
  file(GLOB _xnnpack_builds "${_xnnpack_cache}/gradcam.cpp/xnnpack-*/${_xnnpack_build}-*")
  list(REVERSE _xnnpack_builds)
endif()
find_path(XNNPACK_INCLUDE_DIR xnnpack.h HINTS ${XNNPACK_ROOT} ${_xnnpack_builds}
          PATH_SUFFIXES include NO_DEFAULT_PATH NO_CACHE)
# With NO_CACHE CMake 3.25 leaves a slash at its end, behind which the parent would be the folder.
string(REGEX REPLACE "/$" "" XNNPACK_INCLUDE_DIR "${XNNPACK_INCLUDE_DIR}")
cmake_path(GET XNNPACK_INCLUDE_DIR PARENT_PATH _xnnpack_prefix)
foreach(_xnnpack_library IN ITEMS XNNPACK pthreadpool microkernels-prod)
  string(TOUPPER XNNPACK_${_xnnpack_library}_LIBRARY _xnnpack_variable)
  find_library(${_xnnpack_variable} ${_xnnpack_library} HINTS ${_xnnpack_prefix}/lib
               NO_DEFAULT_PATH NO_CACHE)
endforeach()
set(_xnnpack_required XNNPACK_XNNPACK_LIBRARY XNNPACK_PTHREADPOOL_LIBRARY XNNPACK_INCLUDE_DIR)
if(NOT EMSCRIPTEN)
  find_library(CPUINFO_LIBRARY cpuinfo NO_CACHE)
  find_package(Threads)
  list(APPEND _xnnpack_required XNNPACK_MICROKERNELS-PROD_LIBRARY CPUINFO_LIBRARY Threads_FOUND)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(XNNPACK REQUIRED_VARS ${_xnnpack_required}
  REASON_FAILURE_MESSAGE
    "XNNPACK_ROOT may name its folder, CPUINFO_LIBRARY is in Debian's libcpuinfo-dev, and GRADCAM_XNNPACK=OFF builds gradcam without them")

if(XNNPACK_FOUND AND NOT TARGET XNNPACK::XNNPACK)
  add_library(XNNPACK::XNNPACK STATIC IMPORTED)
  set_target_properties(XNNPACK::XNNPACK PROPERTIES
    IMPORTED_LOCATION ${XNNPACK_XNNPACK_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${XNNPACK_INCLUDE_DIR})
  if(EMSCRIPTEN)
    set_property(TARGET XNNPACK::XNNPACK PROPERTY
      INTERFACE_LINK_LIBRARIES ${XNNPACK_PTHREADPOOL_LIBRARY})
  else()
    set_property(TARGET XNNPACK::XNNPACK PROPERTY
      INTERFACE_LINK_LIBRARIES ${XNNPACK_MICROKERNELS-PROD_LIBRARY} ${XNNPACK_PTHREADPOOL_LIBRARY}
        ${CPUINFO_LIBRARY} Threads::Threads m)
  endif()
endif()
