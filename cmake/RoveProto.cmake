# C from proto/, in the build tree. entities.pb-c.h is public; sync.pb-c.h is for core/src/wire alone, and rows.pb-c.h for
# tests: core writes and reads these few messages by hand.

set(ROVE_PROTO "${CMAKE_CURRENT_SOURCE_DIR}/proto")
if(ROVE_SCHEMA_AHEAD GREATER 0)
    set(ahead "${CMAKE_CURRENT_BINARY_DIR}/ahead")
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    execute_process(COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tests/schema/ahead.py"
        ${ROVE_SCHEMA_AHEAD} "${CMAKE_CURRENT_SOURCE_DIR}" "${ahead}" COMMAND_ERROR_IS_FATAL ANY)
    set(ROVE_PROTO "${ahead}/proto")
    include_directories(BEFORE "${ahead}") # its model/traits.def
    math(EXPR version "1 + ${ROVE_SCHEMA_AHEAD}")
    add_compile_definitions(ROVE_SCHEMA_VERSION=${version}u)
endif()

set(ROVE_GENERATED_PUBLIC "${CMAKE_CURRENT_BINARY_DIR}/generated/public")
set(ROVE_GENERATED_WIRE "${CMAKE_CURRENT_BINARY_DIR}/generated/wire")
set(ROVE_GENERATED_ROWS "${CMAKE_CURRENT_BINARY_DIR}/generated/rows")

# rove_generate(name folder): folder/<name>.pb-c.{c,h} from proto/<name>.proto, as the object
# library rove_proto_<name>.
function(rove_generate name folder)
    set(proto "${ROVE_PROTO}/${name}.proto")
    if(NOT EXISTS "${proto}")
        add_library(rove_proto_${name} INTERFACE)
        return()
    endif()
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
        OUTPUT "${folder}/${name}.pb-c.c" "${folder}/${name}.pb-c.h"
        COMMAND "${PROTOC_C}" "--proto_path=${ROVE_PROTO}" "--c_out=${folder}" "${proto}"
        DEPENDS "${proto}" VERBATIM)
    add_library(rove_proto_${name} OBJECT "${folder}/${name}.pb-c.c" "${folder}/${name}.pb-c.h")
    target_include_directories(rove_proto_${name} PUBLIC "${folder}")
    target_link_libraries(rove_proto_${name} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()

rove_generate(entities "${ROVE_GENERATED_PUBLIC}/rove")
rove_generate(sync "${ROVE_GENERATED_WIRE}")
rove_generate(rows "${ROVE_GENERATED_ROWS}")
if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/proto/sync.proto")
    target_include_directories(rove_proto_sync PUBLIC "${ROVE_GENERATED_PUBLIC}/rove")
    add_dependencies(rove_proto_sync rove_proto_entities)
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/proto" "${CMAKE_CURRENT_SOURCE_DIR}/core/src/base")
