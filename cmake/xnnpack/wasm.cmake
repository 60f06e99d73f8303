# XNNPACK for wasm: its operators and production micro-kernels, one thread, no cpuinfo.
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 14)
set(xnnpack ${XNNPACK_SOURCES}/xnnpack)

# The lists of sources, straight out of XNNPACK's build.
set(sources)
file(READ ${xnnpack}/CMakeLists.txt lists)
foreach(name IN ITEMS OPERATOR REFERENCE SUBGRAPH LOGGING XNNPACK TABLE)
  string(REGEX MATCH "SET\\(${name}_SRCS\n[^)]*\\)" list "${lists}")
  string(REGEX MATCHALL "src/[A-Za-z0-9_./-]+" list "${list}")
  if(NOT list)
    message(FATAL_ERROR "XNNPACK's CMakeLists.txt has no ${name}_SRCS: is it another version?")
  endif()
  list(APPEND sources ${list})
endforeach()
foreach(name IN ITEMS allocator cache configs/hardware-config datatype indirection memory
                      microkernel-utils microparams-init mutex normalization operator-run
                      operator-utils)
  list(APPEND sources src/${name}.c)
endforeach()
list(APPEND sources src/reference/packing.cc)

set(instruction_sets scalar wasm wasmsimd)
add_compile_options(-msimd128)
if(GRADCAM_WASM_SIMD STREQUAL relaxed)
  list(APPEND instruction_sets wasmrelaxedsimd)
  add_compile_options(-mrelaxed-simd)
endif()
foreach(name IN LISTS instruction_sets)
  include(${xnnpack}/cmake/gen/${name}_microkernels.cmake)
  string(TOUPPER ${name} upper)
  list(APPEND microkernels ${PROD_${upper}_MICROKERNEL_SRCS})
endforeach()
list(TRANSFORM sources PREPEND ${xnnpack}/)
list(TRANSFORM microkernels PREPEND ${xnnpack}/)

# A hash of the micro-kernels, by which XNNPACK recognises weights that it packed itself.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(identifier ${CMAKE_CURRENT_BINARY_DIR}/build_identifier.c)
list(JOIN microkernels "\n" lines)
file(WRITE ${identifier}.sources "${lines}")
execute_process(
  COMMAND ${Python3_EXECUTABLE} ${xnnpack}/scripts/generate-build-identifier.py
          --input_file_list ${identifier}.sources --output ${identifier}
  WORKING_DIRECTORY ${xnnpack} COMMAND_ERROR_IS_FATAL ANY)

add_library(pthreadpool STATIC ${XNNPACK_SOURCES}/pthreadpool/src/legacy-api.c
                               ${XNNPACK_SOURCES}/pthreadpool/src/shim.c)
target_include_directories(pthreadpool PUBLIC ${XNNPACK_SOURCES}/pthreadpool/include
                                       PRIVATE ${XNNPACK_SOURCES}/fxdiv/include)

add_library(XNNPACK STATIC ${sources} ${microkernels} ${identifier})
target_link_libraries(XNNPACK PRIVATE pthreadpool)
target_include_directories(XNNPACK PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${xnnpack}/include
                                           ${xnnpack}/src ${xnnpack}
                                           ${XNNPACK_SOURCES}/fxdiv/include)
target_compile_options(XNNPACK PRIVATE -fno-math-errno -ffunction-sections -fdata-sections)
target_compile_definitions(XNNPACK PRIVATE _GNU_SOURCE XNN_ENABLE_MEMOPT=1
                                           XNN_ENABLE_GEMM_M_SPECIALIZATION=1)
# XNNPACK's headers expect a verdict on each; none applies here.
foreach(feature IN ITEMS
    ARM_BF16 ARM_DOTPROD ARM_FP16_SCALAR ARM_FP16_VECTOR ARM_I8MM ARM_SME ARM_SME2 ASSEMBLY
    AVX256SKX AVX256VNNI AVX256VNNIGFNI AVX512AMX AVX512F AVX512FP16 AVX512SKX AVX512VBMI
    AVX512VNNI AVX512VNNIGFNI AVXVNNI AVXVNNIINT8 CPUINFO DWCONV_MULTIPASS HVX JIT KLEIDIAI
    RISCV_VECTOR SPARSE VSX)
  target_compile_definitions(XNNPACK PRIVATE XNN_ENABLE_${feature}=0)
endforeach()

install(TARGETS XNNPACK pthreadpool ARCHIVE DESTINATION lib)
install(FILES ${xnnpack}/include/xnnpack.h ${XNNPACK_SOURCES}/pthreadpool/include/pthreadpool.h
        DESTINATION include)
