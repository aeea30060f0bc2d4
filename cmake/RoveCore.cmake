# The core: one object library per module, combined into librove (static and shared) and into
# rove_hq_core, the part that headquarters shares.

# What every module sees. Which module may include which is checked by tests/structure.
add_library(rove_core_flags INTERFACE)
target_include_directories(rove_core_flags INTERFACE
    "${CMAKE_CURRENT_SOURCE_DIR}/core/include" "${ROVE_GENERATED_PUBLIC}"
    "${CMAKE_CURRENT_SOURCE_DIR}/core/src")
target_compile_definitions(rove_core_flags INTERFACE ROVE__CORE)
target_link_libraries(rove_core_flags INTERFACE rove_flags rove_banned PkgConfig::PROTOBUF_C)

# rove_module(name sources...): the object library rove_<name>; nothing as long as it has no source.
function(rove_module name)
    if(NOT ARGN)
        return()
    endif()
    add_library(rove_${name} OBJECT ${ARGN})
    target_link_libraries(rove_${name} PRIVATE rove_core_flags)
    if(TARGET rove_proto_entities)
        add_dependencies(rove_${name} rove_proto_entities)
    endif()
endfunction()

foreach(module base model merge wire rules vault store field client)
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/core/src/${module}/*.c")
    rove_module(${module} ${sources})
endforeach()
# In the sync folder, device*.c is the device's side; the rest serves both ends or headquarters.
file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/core/src/sync/*.c")
set(device_sources ${sources})
list(FILTER device_sources INCLUDE REGEX "/device[^/]*\\.c$")
list(FILTER sources EXCLUDE REGEX "/device[^/]*\\.c$")
rove_module(sync ${sources})
rove_module(sync_device ${device_sources})

if(TARGET rove_base)
    target_compile_definitions(rove_base PRIVATE ROVE__BASE)
endif()
if(TARGET rove_wire)
    target_include_directories(rove_wire PRIVATE "${ROVE_GENERATED_WIRE}" "${ROVE_GENERATED_PUBLIC}/rove")
    target_link_libraries(rove_wire PRIVATE PkgConfig::ZSTD)
    add_dependencies(rove_wire rove_proto_sync)
endif()
if(TARGET rove_vault)
    target_link_libraries(rove_vault PRIVATE PkgConfig::SQLITE PkgConfig::ARGON2)
endif()
if(TARGET rove_store)
    target_link_libraries(rove_store PRIVATE PkgConfig::SQLITE)
endif()

# rove_objects(variable modules...): the objects of those modules that have any.
function(rove_objects variable)
    set(objects)
    foreach(module ${ARGN})
        if(TARGET rove_${module})
            get_target_property(type rove_${module} TYPE)
            if(type STREQUAL OBJECT_LIBRARY)
                list(APPEND objects $<TARGET_OBJECTS:rove_${module}>)
            endif()
        endif()
    endforeach()
    set(${variable} ${objects} PARENT_SCOPE)
endfunction()

rove_objects(shared_objects base proto_entities model merge wire proto_sync rules sync)
rove_objects(device_objects vault store sync_device field client)

# What a user of the library sees. The protobuf-c types of entities.pb-c.h are part of it.
add_library(rove_interface INTERFACE)
target_include_directories(rove_interface INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/core/include>
    $<BUILD_INTERFACE:${ROVE_GENERATED_PUBLIC}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(ROVE_TARGETS)
if(shared_objects)
    add_library(rove_hq_core STATIC ${shared_objects})
    target_link_libraries(rove_hq_core PUBLIC rove_interface PkgConfig::PROTOBUF_C PkgConfig::ZSTD)

    add_library(rove STATIC ${shared_objects} ${device_objects})
    add_library(rove_shared SHARED ${shared_objects} ${device_objects})
    set_target_properties(rove_shared PROPERTIES OUTPUT_NAME rove EXPORT_NAME shared
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
        LINK_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cmake/rove.map")
    set_target_properties(rove PROPERTIES EXPORT_NAME static)
    target_link_options(rove_shared PRIVATE
        "LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/rove.map")
    if(NOT ROVE_SANITIZE)
        target_link_options(rove_shared PRIVATE LINKER:--no-undefined)
    endif()
    foreach(library rove rove_shared)
        target_link_libraries(${library} PUBLIC rove_interface)
        target_link_libraries(${library} PRIVATE PkgConfig::PROTOBUF_C PkgConfig::ZSTD PkgConfig::SQLITE
            PkgConfig::ARGON2)
    endforeach()
endif()
