# The libraries that Rove uses, as imported targets. `./dev setup` installs them on Debian.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# rove_require(NAME pkg-config-module debian-package) makes the target PkgConfig::NAME.
function(rove_require name module package)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${module} is missing. On Debian: apt-get install ${package}")
    endif()
endfunction()

# rove_require_library(NAME header library debian-package) does so where there is no .pc file.
function(rove_require_library name header library package)
    find_path(${name}_INCLUDE_DIR ${header})
    find_library(${name}_LIBRARY ${library})
    mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
    if(NOT ${name}_INCLUDE_DIR OR NOT ${name}_LIBRARY)
        message(FATAL_ERROR "${library} is missing. On Debian: apt-get install ${package}")
    endif()
    add_library(PkgConfig::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(PkgConfig::${name} PROPERTIES
        IMPORTED_LOCATION "${${name}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${${name}_INCLUDE_DIR}")
endfunction()

rove_require(SQLITE sqlite3 libsqlite3-dev)
# Half of the simulator's time is SQLite's, whose archive is the same code without a jump table between its own functions.
find_library(SQLITE_ARCHIVE libsqlite3.a)
mark_as_advanced(SQLITE_ARCHIVE)
if(SQLITE_ARCHIVE AND CMAKE_BUILD_TYPE STREQUAL "Sim")
    set_property(TARGET PkgConfig::SQLITE PROPERTY INTERFACE_LINK_LIBRARIES "${SQLITE_ARCHIVE}" m ${CMAKE_DL_LIBS})
endif()
rove_require(PROTOBUF_C libprotobuf-c libprotobuf-c-dev)
rove_require(ZSTD libzstd libzstd-dev)
rove_require(ARGON2 libargon2 libargon2-dev)
find_program(PROTOC_C protoc-c)
if(NOT PROTOC_C)
    message(FATAL_ERROR "protoc-c is missing. On Debian: apt-get install protobuf-c-compiler")
endif()

if(ROVE_PROGRAMS)
    rove_require(CURL libcurl libcurl4-openssl-dev)
    rove_require(SSL openssl libssl-dev)
    rove_require(MICROHTTPD libmicrohttpd libmicrohttpd-dev)
    rove_require(GNUTLS gnutls libgnutls28-dev)
    rove_require(JANSSON jansson libjansson-dev)
    rove_require_library(CSV csv.h csv libcsv-dev)
    rove_require_library(MBEDTLS mbedtls/ssl.h mbedtls libmbedtls-dev)
    rove_require_library(MBEDX509 mbedtls/x509.h mbedx509 libmbedtls-dev)
    rove_require_library(MBEDCRYPTO mbedtls/gcm.h mbedcrypto libmbedtls-dev)
endif()
if(ROVE_TESTS)
    rove_require(CMOCKA cmocka libcmocka-dev)
endif()
