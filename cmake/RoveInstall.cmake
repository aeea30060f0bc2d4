# What `cmake --install` puts where: headers, both libraries, the programs, and what pkg-config and
# find_package(rove) need.
include(CMakePackageConfigHelpers)

if(NOT TARGET rove)
    return()
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rove")
install(TARGETS rove rove_shared rove_interface EXPORT rove-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
foreach(program rove_cli_program rove-hq)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    endif()
endforeach()
foreach(name IN LISTS ROVE_MANUALS)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/manual/${name}.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/manual/${name}.bash"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME ${name})
endforeach()
if(TARGET rove_platform_posix)
    install(TARGETS rove_platform_posix EXPORT rove-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(FILES platform/posix/posix.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/rove")
endif()
install(DIRECTORY core/include/rove DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${ROVE_GENERATED_PUBLIC}/rove/entities.pb-c.h"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/rove" OPTIONAL)
install(FILES proto/entities.proto proto/rows.proto DESTINATION "${CMAKE_INSTALL_DATADIR}/rove")

install(EXPORT rove-targets NAMESPACE rove:: DESTINATION "${package_dir}")
configure_package_config_file(packaging/rove-config.cmake.in
    "${CMAKE_CURRENT_BINARY_DIR}/rove-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/rove-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH prefix_from_pkgconfig "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /prefix)
configure_file(packaging/rove.pc.in "${CMAKE_CURRENT_BINARY_DIR}/rove.pc" @ONLY)
configure_file(packaging/rove-posix.pc.in "${CMAKE_CURRENT_BINARY_DIR}/rove-posix.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/rove-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/rove-config-version.cmake" DESTINATION "${package_dir}")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/rove.pc" "${CMAKE_CURRENT_BINARY_DIR}/rove-posix.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
