/*
 * wire/versions.c - see versions.h.
 */
#include "wire/versions.h"

#include <protobuf-c/protobuf-c.h>
#include <zstd.h>

rove__wire_versions rove__wire_versions_read(void) {
    return (rove__wire_versions){.zstd_built = ZSTD_VERSION_STRING,
                                 .zstd_running = ZSTD_versionString(),
                                 .protobuf_built = PROTOBUF_C_VERSION,
                                 .protobuf_running = protobuf_c_version()};
}
