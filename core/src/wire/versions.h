/*
 * wire/versions.h - the versions of the libraries behind the wire's bytes.
 */
#ifndef ROVE_WIRE_VERSIONS_H
#define ROVE_WIRE_VERSIONS_H

/* As compiled with, and as running; constant texts. Any thread. */
typedef struct rove__wire_versions {
    const char *zstd_built, *zstd_running;
    const char *protobuf_built, *protobuf_running;
} rove__wire_versions;

rove__wire_versions rove__wire_versions_read(void);

#endif
