/*
 * support/spools.h - a spool port whose files lie in memory: it counts them, and fails when told to.
 */
#ifndef ROVE_TESTS_SPOOLS_H
#define ROVE_TESTS_SPOOLS_H

#include <stdlib.h>
#include <string.h>

#include "sync/spool.h"

typedef struct spools {
    size_t open, opened; /* files now, and ever */
    size_t bytes, most;  /* in the open ones, and the most that ever were */
    size_t calls;
    size_t fail_at;          /* the call that fails, counted from 1; 0: none */
    rove_status status;      /* with which */
    int (*fault)(void *ctx); /* says whether a call fails; NULL: nobody */
    void *fault_ctx;
} spools;

struct rove__spool_file {
    spools *of;
    unsigned char *data;
    size_t size;
};

static inline int spools_fail(spools *s) {
    s->calls++;
    return s->calls == s->fail_at || (s->fault != NULL && s->fault(s->fault_ctx));
}

static inline rove_status spools_open(void *ctx, rove__spool_file **file) {
    spools *s = ctx;

    *file = spools_fail(s) ? NULL : calloc(1, sizeof **file);
    if (*file == NULL) {
        return s->status;
    }
    (*file)->of = s;
    s->open++;
    s->opened++;
    return ROVE_OK;
}

static inline rove_status spools_write(rove__spool_file *file, size_t at, const void *bytes,
                                       size_t size) {
    spools *s = file->of;
    unsigned char *data =
        spools_fail(s) || at != file->size ? NULL : realloc(file->data, at + size);

    if (data == NULL) {
        return s->status;
    }
    memcpy(data + at, bytes, size);
    file->data = data;
    file->size += size;
    s->bytes += size;
    s->most = s->bytes > s->most ? s->bytes : s->most;
    return ROVE_OK;
}

static inline rove_status spools_read(rove__spool_file *file, size_t at, void *bytes, size_t size) {
    if (spools_fail(file->of) || at > file->size || size > file->size - at) {
        return file->of->status;
    }
    memcpy(bytes, file->data + at, size);
    return ROVE_OK;
}

static inline void spools_close(rove__spool_file *file) {
    file->of->open--;
    file->of->bytes -= file->size;
    free(file->data);
    free(file);
}

static inline rove__spool_port spools_port(spools *s) {
    s->status = ROVE_IO;
    return (rove__spool_port){spools_open, spools_write, spools_read, spools_close, s};
}

#endif
