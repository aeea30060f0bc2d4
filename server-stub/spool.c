/*
 * spool.c - see spool.h. A file loses its name as soon as it is made: nobody else opens it, and its space is given back
 * however this process ends. Between the two it is empty, so nothing of a device's is ever found in the folder.
 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "path.h"

struct rove__spool_file {
    const rove_allocator *allocator;
    int descriptor;
};

static rove_status failed(void) {
    return errno == ENOSPC || errno == EDQUOT ? ROVE_FULL : errno == ENOMEM ? ROVE_NOMEM : ROVE_IO;
}

static rove_status open_file(void *ctx, rove__spool_file **out) {
    const hq_spool *self = ctx;
    char path[HQ_PATH_MAX];

    *out = NULL;
    rove_status status = hq_join(path, self->folder, "spool.XXXXXX", NULL);
    rove__spool_file *file = status == ROVE_OK ? rove__alloc(self->allocator, sizeof *file) : NULL;
    if (file == NULL) {
        return status == ROVE_OK ? ROVE_NOMEM : status;
    }
    file->allocator = self->allocator;
    file->descriptor = mkstemp(path);
    if (file->descriptor < 0) {
        status = failed();
        rove__free(self->allocator, file);
        return status;
    }
    (void)unlink(path);
    (void)fcntl(file->descriptor, F_SETFD, FD_CLOEXEC);
    *out = file;
    return ROVE_OK;
}

static rove_status write_file(rove__spool_file *file, size_t at, const void *bytes, size_t size) {
    const unsigned char *from = bytes;

    while (size > 0) {
        ssize_t some = pwrite(file->descriptor, from, size, (off_t)at);
        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            return some < 0 ? failed() : ROVE_IO;
        }
        from += some;
        at += (size_t)some;
        size -= (size_t)some;
    }
    return ROVE_OK;
}

static rove_status read_file(rove__spool_file *file, size_t at, void *bytes, size_t size) {
    unsigned char *to = bytes;

    while (size > 0) {
        ssize_t some = pread(file->descriptor, to, size, (off_t)at);
        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            return some < 0 ? failed() : ROVE_IO;
        }
        to += some;
        at += (size_t)some;
        size -= (size_t)some;
    }
    return ROVE_OK;
}

static void close_file(rove__spool_file *file) {
    (void)close(file->descriptor);
    rove__free(file->allocator, file);
}

void hq_spool_init(hq_spool *self, const rove_allocator *allocator, const char *folder) {
    self->allocator = allocator;
    self->folder = folder;
    self->port = (rove__spool_port){open_file, write_file, read_file, close_file, self};
}
