/*
 * restore.c - a backup takes the place of the database, in a headquarters that no process has open. The database that was
 * there is kept beside it. What the backup lacks comes back from the devices (T1 to T3): opening begins a new timeline.
 */
#include "hq.h"

#include "base/stamp.h"
#include "base/text.h"
#include "path.h"
#include "trail.h"

#define DETAIL_MAX 400

typedef struct note {
    hq *headquarters;
    const hq_io *io;
    const char *copy;
    hq_restored *restored;
} note;

/* All that is in the database now is in the backup, which does not know that it is one. */
static rove_status record(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const note *self = ctx;
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove__hq_head head;
    char detail[DETAIL_MAX];

    (void)error;
    rove_status status = store->head_get(tx, &head);
    if (status == ROVE_OK) {
        head.safe = head.seq;
        status = store->head_put(tx, &head);
    }
    if (status != ROVE_OK) {
        return status;
    }
    self->restored->head = head.seq;
    rove__text_format(detail, sizeof detail, "%.200s, up to head %llu; before it: %.100s",
                      self->copy, (unsigned long long)head.seq, self->restored->aside);
    return hq_record(self->headquarters, tx, self->io, TRAIL_RESTORE, detail, 0);
}

rove_status hq_note_restore(hq *headquarters, const hq_io *io, const char *copy,
                            hq_restored *restored, rove_error *error) {
    note self = {.headquarters = headquarters, .io = io, .copy = copy, .restored = restored};

    return hq_commit(headquarters, record, &self, error);
}

static rove_status replace(const hq_ports *ports, const char *folder, const char *copy,
                           hq_restored *restored, rove_error *error) {
    char path[HQ_PATH_MAX];
    char aside[HQ_PATH_MAX];
    rove_clock_reading now;
    char when[ROVE_TIME_TEXT_SIZE];

    ports->clock.read(ports->clock.ctx, &now);
    rove__time_format(now.wall_ms, when);
    rove__text_format(restored->aside, sizeof restored->aside, "hq.db.replaced-%s", when);
    rove_status status = hq_join(path, folder, "hq.db", error);
    if (status == ROVE_OK) {
        status = hq_join(aside, folder, restored->aside, error);
    }
    return status == ROVE_OK ? rove__hq_sqlite_restore(copy, path, aside, error) : status;
}

rove_status hq_restore(const hq_ports *ports, const char *folder, const hq_io *io, const char *copy,
                       hq_restored *restored, rove_error *error) {
    char path[HQ_PATH_MAX];
    void *lock = NULL;
    hq *headquarters = NULL;
    rove_error why = {.message = ""};

    *restored = (hq_restored){.head = 0};
    rove_status status = hq_join(path, folder, "lock", error);
    if (status == ROVE_OK) {
        status = ports->files.lock(ports->files.ctx, path, &lock, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = replace(ports, folder, copy, restored, error);
    if (status != ROVE_OK) {
        ports->files.unlock(ports->files.ctx, lock);
        restored->aside[0] = '\0';
        return status;
    }
    status = trail_forget(ports, folder, &why);
    ports->files.unlock(ports->files.ctx, lock);
    if (status == ROVE_OK) {
        status = hq_open(ports, folder, &headquarters, &why);
    }
    if (status == ROVE_OK) {
        status = hq_note_restore(headquarters, io, copy, restored, &why);
    }
    hq_close(headquarters);
    return status == ROVE_OK
               ? ROVE_OK
               : rove__error_set(error, status,
                                 "The backup is in place, and what it replaced is %.100s; only to "
                                 "record that failed: %.80s",
                                 restored->aside, why.message);
}
