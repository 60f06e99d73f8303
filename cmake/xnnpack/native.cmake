# XNNPACK for the machine at hand, by its own CMakeLists.txt.
include(CheckCSourceCompiles)
include(GNUInstallDirs)

# A cpuinfo target from the system keeps XNNPACK from downloading one. What an older cpuinfo
# cannot detect XNNPACK must not ask for, or it would fail to link.
find_library(CPUINFO_LIBRARY cpuinfo REQUIRED)
add_library(cpuinfo INTERFACE IMPORTED)
target_link_libraries(cpuinfo INTERFACE ${CPUINFO_LIBRARY})

foreach(instructions IN ITEMS avxvnni avx_vnni_int8 avx512fp16 amx_int8)
  check_c_source_compiles("
    #include <cpuinfo.h>
    int main(void) { return cpuinfo_has_x86_${instructions}(); }" cpuinfo_knows_${instructions})
endforeach()
function(switch_off_unless known)
  if(NOT ${known})
    foreach(kernels IN LISTS ARGN)
      set(XNNPACK_ENABLE_${kernels} OFF CACHE BOOL "")
    endforeach()
  endif()
endfunction()
switch_off_unless(cpuinfo_knows_avxvnni AVXVNNI AVX256SKX AVX256VNNI AVX256VNNIGFNI)
switch_off_unless(cpuinfo_knows_avx_vnni_int8 AVXVNNIINT8)
switch_off_unless(cpuinfo_knows_avx512fp16 AVX512FP16)
switch_off_unless(cpuinfo_knows_amx_int8 AVX512AMX)
check_c_source_compiles("
  #include <cpuinfo.h>
  int main(void) { return cpuinfo_uarch_zen4; }" cpuinfo_knows_zen4)
switch_off_unless(cpuinfo_knows_zen4 AVX512VNNIGFNI)

set(XNNPACK_LIBRARY_TYPE static CACHE STRING "")
set(PTHREADPOOL_LIBRARY_TYPE static CACHE STRING "")
foreach(part IN ITEMS TESTS BENCHMARKS ALL_MICROKERNELS)
  set(XNNPACK_BUILD_${part} OFF CACHE BOOL "")
endforeach()
# Named so that nothing is downloaded; cpuinfo's is never read, as the target above exists.
set(CPUINFO_SOURCE_DIR ${CMAKE_CURRENT_BINARY_DIR}/no-cpuinfo-sources)
set(PTHREADPOOL_SOURCE_DIR ${XNNPACK_SOURCES}/pthreadpool)
set(FXDIV_SOURCE_DIR ${XNNPACK_SOURCES}/fxdiv)

# Their install rules make the folder: libXNNPACK.a, libmicrokernels-prod.a, libpthreadpool.a.
set(CMAKE_INSTALL_LIBDIR lib)
add_subdirectory(${XNNPACK_SOURCES}/xnnpack xnnpack)
