# The POSIX platform, the programs rove and rove-hq, and the benchmarks.
#
# A program is its main.c and a library with everything else, so that tests can link the rest.

# rove_part(name folder): the static library rove_<name> from all .c files below a folder but main.c.
function(rove_part name folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c")
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    if(NOT sources)
        add_library(rove_${name} INTERFACE)
        return()
    endif()
    add_library(rove_${name} STATIC ${sources})
    # Its own folder first: server-stub/store is not core/src/store.
    target_include_directories(rove_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${folder}"
        "${CMAKE_CURRENT_SOURCE_DIR}/core/include" "${ROVE_GENERATED_PUBLIC}"
        "${CMAKE_CURRENT_SOURCE_DIR}/core/src" "${CMAKE_CURRENT_SOURCE_DIR}/platform")
    # How it is compiled concerns nobody who links it.
    target_link_libraries(rove_${name} PRIVATE
        $<BUILD_INTERFACE:rove_posix_flags> $<BUILD_INTERFACE:rove_banned> PkgConfig::PROTOBUF_C)
    add_dependencies(rove_${name} rove_proto_entities)
endfunction()

# rove_needs(part libraries...)
function(rove_needs part)
    get_target_property(type rove_${part} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
        target_link_libraries(rove_${part} PRIVATE ${ARGN})
    endif()
endfunction()

# Users of the library have the POSIX ports as rove/posix.h and librove_posix.a.
configure_file(platform/posix/posix.h "${ROVE_GENERATED_PUBLIC}/rove/posix.h" COPYONLY)
rove_part(platform_posix platform/posix)
set_target_properties(rove_platform_posix PROPERTIES OUTPUT_NAME rove_posix EXPORT_NAME posix)
target_link_libraries(rove_platform_posix PUBLIC rove_interface)
rove_needs(platform_posix PkgConfig::CURL PkgConfig::SSL
    PkgConfig::MBEDTLS PkgConfig::MBEDX509 PkgConfig::MBEDCRYPTO Threads::Threads)
if(ROVE_TESTS)
    rove_part(platform_sim platform/sim)
    rove_needs(platform_sim PkgConfig::SQLITE PkgConfig::SSL)
endif()
rove_part(cli platform/cli)
rove_needs(cli PkgConfig::JANSSON)
rove_part(server server-stub)
rove_needs(server PkgConfig::MICROHTTPD PkgConfig::GNUTLS PkgConfig::SQLITE PkgConfig::CSV
    PkgConfig::JANSSON PkgConfig::SSL
    PkgConfig::MBEDTLS PkgConfig::MBEDX509 PkgConfig::MBEDCRYPTO Threads::Threads)

# rove_program(name folder libraries...): the program from folder/main.c, once there is one.
function(rove_program name folder)
    set(main "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/main.c")
    if(NOT EXISTS "${main}")
        return()
    endif()
    add_executable(${name} "${main}")
    target_include_directories(${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${folder}"
        "${CMAKE_CURRENT_SOURCE_DIR}/core/src" "${CMAKE_CURRENT_SOURCE_DIR}/platform")
    target_link_libraries(${name} PRIVATE rove_posix_flags rove_banned ${ARGN})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/bin")
endfunction()

if(TARGET rove)
    rove_program(rove_cli_program platform/cli rove_cli rove_platform_posix rove)
    rove_program(rove-hq server-stub rove_server rove_platform_posix rove_hq_core)
    if(TARGET rove_cli_program)
        set_target_properties(rove_cli_program PROPERTIES OUTPUT_NAME rove)
    endif()

    # Manual pages and bash completions, from what the programs' own help says.
    find_package(Python3 3.9 COMPONENTS Interpreter)
    set(ROVE_MANUALS "")
    if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
        foreach(target rove_cli_program rove-hq)
            get_target_property(name ${target} OUTPUT_NAME)
            if(NOT name)
                set(name ${target})
            endif()
            set(folder "${CMAKE_CURRENT_BINARY_DIR}/manual")
            add_custom_command(OUTPUT "${folder}/${name}.1" "${folder}/${name}.bash"
                COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/cmake/manual.py"
                    $<TARGET_FILE:${target}> ${name} ${PROJECT_VERSION} "${folder}"
                DEPENDS ${target} "${CMAKE_CURRENT_SOURCE_DIR}/cmake/manual.py"
                COMMENT "Writing the manual of ${name}" VERBATIM)
            list(APPEND ROVE_MANUALS ${name})
            list(APPEND rove_manual_files "${folder}/${name}.1")
        endforeach()
        add_custom_target(rove_manuals ALL DEPENDS ${rove_manual_files})
    endif()

    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/bench/*.c")
    foreach(source ${sources})
        get_filename_component(name "${source}" NAME_WE)
        if(NOT name MATCHES "^bench_")
            string(PREPEND name "bench_")
        endif()
        add_executable(${name} "${source}")
        target_include_directories(${name} PRIVATE
            "${CMAKE_CURRENT_SOURCE_DIR}/core/src" "${CMAKE_CURRENT_SOURCE_DIR}/platform"
            "${CMAKE_CURRENT_SOURCE_DIR}/server-stub" "${CMAKE_CURRENT_SOURCE_DIR}/bench")
        target_link_libraries(${name} PRIVATE rove_posix_flags rove_server rove_platform_posix rove
            PkgConfig::SQLITE PkgConfig::ZSTD PkgConfig::PROTOBUF_C)
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/bench")
    endforeach()
endif()
