# Toolchain for Windows: Debian's g++-mingw-w64-x86-64-posix, and for the tests its wine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_CROSSCOMPILING_EMULATOR wine)
# A program that needs no library of the compiler beside it.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
