/*
 * client/inspect.c - see rove/inspect.h.
 */
#include "rove/inspect.h"

#include <string.h>

#include "base/text.h"
#include "client/internal.h"
#include "store/inspect.h"
#include "wire/versions.h"

size_t rove_libraries(rove_library *out, size_t capacity) {
    rove__wire_versions wire = rove__wire_versions_read();
    const rove_library all[] = {
        {"SQLite", rove__store_sqlite_built(), rove__store_sqlite_running()},
        {"zstd", wire.zstd_built, wire.zstd_running},
        {"protobuf-c", wire.protobuf_built, wire.protobuf_running},
    };
    size_t count = sizeof all / sizeof *all;
    if (out == NULL) {
        return 0;
    }
    count = count < capacity ? count : capacity;
    memcpy(out, all, count * sizeof *all);
    return count;
}

static rove_status look_at_identity(const rove_ports *ports, const char *folder,
                                    rove_inspection *out) {
    rove__credentials_ports needs = {.allocator = &ports->allocator,
                                     .crypto = &ports->crypto,
                                     .files = &ports->files,
                                     .keyring = &ports->keyring};
    rove__credentials *credentials = NULL;
    size_t size = strlen(folder) + sizeof "/identity";
    char *path = rove__alloc(&ports->allocator, size);

    if (path == NULL) {
        return ROVE_NOMEM;
    }
    rove__text_format(path, size, "%s/identity", folder);
    out->identity = rove__credentials_load(&needs, path, &credentials, NULL);
    if (out->identity == ROVE_OK) {
        rove__text_format(out->url, sizeof out->url, "%s", credentials->url);
        out->identity_replica = credentials->identity.replica;
        out->identity_user = credentials->identity.user;
        out->certificate_until_ms = credentials->identity.until_ms;
    }
    rove__credentials_free(&ports->allocator, credentials);
    rove__free(&ports->allocator, path);
    return out->identity == ROVE_NOMEM ? ROVE_NOMEM : ROVE_OK;
}

rove_status rove_inspect(const rove_ports *ports, const char *folder, unsigned how,
                         rove_inspection *out) {
    rove_inspection found = {.size = sizeof found};
    rove_clock_reading reading;
    rove__anchor anchor;

    if (ports == NULL || folder == NULL || folder[0] == '\0' || out == NULL || out->size == 0) {
        return ROVE_INVALID;
    }
    size_t size = out->size < sizeof found ? out->size : sizeof found;
    const rove__store_ports store_ports = {.allocator = &ports->allocator,
                                           .clock = &ports->clock,
                                           .random = &ports->random,
                                           .files = &ports->files,
                                           .crypto = &ports->crypto,
                                           .keyring = &ports->keyring};
    rove_status status = rove__store_inspect(&store_ports, folder, how, &found, &anchor);
    if (status == ROVE_OK) {
        status = look_at_identity(ports, folder, &found);
    }
    if (status != ROVE_OK) {
        return status;
    }
    ports->clock.read(ports->clock.ctx, &reading);
    found.wall_ms = reading.wall_ms;
    found.anchor_ms = anchor.server_ms;
    found.now_ms = rove__anchor_now_ms(&anchor, &reading, &found.clock_trusted);
    found.size = out->size;
    memcpy(out, &found, size);
    return ROVE_OK;
}
