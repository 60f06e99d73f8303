# The libraries that the engine stands on: stb and nlohmann-json (headers), CLI11 for the command
# line, and XNNPACK if wanted and found.

# A target for a header-only package of the host. A cross compiler must not be pointed at the
# host's /usr/include, so for it the wanted headers are copied into the build.
function(gradcam_add_headers target folder wanted)
  add_library(${target} INTERFACE)
  if(CMAKE_CROSSCOMPILING)
    set(copy ${PROJECT_BINARY_DIR}/headers/${target})
    file(COPY ${folder}/${wanted} DESTINATION ${copy})
    set(folder ${copy})
  endif()
  target_include_directories(${target} SYSTEM INTERFACE ${folder})
endfunction()

set(host_include /usr/local/include /usr/include)
find_path(STB_INCLUDE_DIR stb_image.h PATHS ${host_include} PATH_SUFFIXES stb)
find_path(NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp PATHS ${host_include})
if(NOT STB_INCLUDE_DIR OR NOT NLOHMANN_JSON_INCLUDE_DIR)
  message(FATAL_ERROR "gradcam needs the headers of stb and nlohmann-json (Debian's libstb-dev and "
    "nlohmann-json3-dev): STB_INCLUDE_DIR is ${STB_INCLUDE_DIR}, NLOHMANN_JSON_INCLUDE_DIR is "
    "${NLOHMANN_JSON_INCLUDE_DIR}")
endif()
gradcam_add_headers(gradcam_stb ${STB_INCLUDE_DIR} .)
gradcam_add_headers(gradcam_json ${NLOHMANN_JSON_INCLUDE_DIR} nlohmann)
# It has a namespace of our own: the program that gradcam is linked into may have the same templates
# with exceptions, and the linker would keep one of the two for both.
target_compile_definitions(gradcam_json INTERFACE JSON_NOEXCEPTION=1 nlohmann=gradcam_nlohmann)

if(GRADCAM_BUILD_CLI AND NOT EMSCRIPTEN)
  find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp PATHS ${host_include})
  if(NOT CLI11_INCLUDE_DIR)
    message(FATAL_ERROR "gradcam's command line needs the headers of CLI11 (Debian's libcli11-dev)")
  endif()
  gradcam_add_headers(gradcam_cli11 ${CLI11_INCLUDE_DIR} CLI)
endif()

set(GRADCAM_HAS_XNNPACK FALSE)
if(GRADCAM_XNNPACK STREQUAL "AUTO")
  find_package(XNNPACK QUIET)
  set(GRADCAM_HAS_XNNPACK ${XNNPACK_FOUND})
elseif(GRADCAM_XNNPACK)
  find_package(XNNPACK REQUIRED)
  set(GRADCAM_HAS_XNNPACK TRUE)
endif()
if(GRADCAM_HAS_XNNPACK)
  message(STATUS "gradcam: with XNNPACK from ${XNNPACK_INCLUDE_DIR}")
else()
  message(STATUS "gradcam: without XNNPACK (GRADCAM_XNNPACK=${GRADCAM_XNNPACK})")
endif()
