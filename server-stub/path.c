/*
 * path.c - see path.h.
 */
#include "path.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

rove_status hq_join(char path[HQ_PATH_MAX], const char *folder, const char *name,
                    rove_error *error) {
    if (strlen(folder) + strlen(name) + 2 > HQ_PATH_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG, "The path %.80s... is too long.", folder);
    }
    rove__text_format(path, HQ_PATH_MAX, "%s/%s", folder, name);
    return ROVE_OK;
}

char *hq_path(hq *headquarters, const hq_io *io, const char *argument) {
    const rove_allocator *allocator = &hq_get_ports(headquarters)->allocator;
    if (argument[0] == '/') {
        return rove__alloc_text(allocator, argument);
    }
    size_t size = strlen(io->directory) + strlen(argument) + 2;
    char *path = rove__alloc(allocator, size);
    if (path != NULL) {
        rove__text_format(path, size, "%s/%s", io->directory, argument);
    }
    return path;
}
