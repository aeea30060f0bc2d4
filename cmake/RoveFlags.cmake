# How everything of ours is compiled. Generated code is not ours: it gets none of this.

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or Coverage" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_SIM "-O2 -g1") # asserts on
set(CMAKE_C_FLAGS_COVERAGE "-O0 -g -DNDEBUG --coverage -fprofile-update=atomic")
set(CMAKE_EXE_LINKER_FLAGS_COVERAGE "--coverage")
set(CMAKE_SHARED_LINKER_FLAGS_COVERAGE "--coverage")

find_program(CCACHE_PROGRAM ccache)
mark_as_advanced(CCACHE_PROGRAM)
if(CCACHE_PROGRAM AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

if(ROVE_SANITIZE)
    add_compile_options(-fsanitize=${ROVE_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${ROVE_SANITIZE})
endif()
if(ROVE_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(rove_flags INTERFACE)
target_compile_options(rove_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla)
# With asserts compiled out, what only an assert looked at is unused.
target_compile_options(rove_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-Wno-unused-function>
    $<$<NOT:$<CONFIG:Debug>>:-Wno-unused-variable>
    $<$<NOT:$<CONFIG:Debug>>:-Wno-unused-but-set-variable>
    $<$<NOT:$<CONFIG:Debug>>:-Wno-unused-parameter>)

# Calls that must not compile; base/banned.h says which and why.
add_library(rove_banned INTERFACE)
if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/core/src/base/banned.h")
    target_compile_options(rove_banned INTERFACE "SHELL:-include base/banned.h")
    target_include_directories(rove_banned INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/core/src")
endif()

# What runs on an operating system, and may know it.
add_library(rove_posix_flags INTERFACE)
target_compile_definitions(rove_posix_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_link_libraries(rove_posix_flags INTERFACE rove_flags)
