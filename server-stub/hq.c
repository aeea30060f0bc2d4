/*
 * hq.c - headquarters opened: lock, keys, database, a new timeline, and the committing thread; see hq.h.
 *
 * In the database's settings: "policy" (JSON: what devices are told, and what of it steers this server) and
 * "headquarters/<replica>" for each number that headquarters itself ever had.
 */
#include "hq.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "committer.h"
#include "derive.h"
#include "keys.h"
#include "path.h"
#include "policy.h"
#include "rotate.h"
#include "spool.h"
#include "trail.h"
#include "wake.h"

#define DRAW_TRIES    64
#define SETTING_ARENA ((size_t)64 * 1024)
/* Timelines are drawn at random below 2^53, which JSON's numbers hold exactly. */
#define TIMELINE_MASK 0x1fffffffffffffu

struct hq {
    hq_ports ports;
    char folder[HQ_PATH_MAX];
    void *lock;
    hq_keys *_Atomic keys;    /* the newest; older ones are kept for who uses them */
    pthread_mutex_t changing; /* held by who changes them */
    pthread_rwlock_t schema;  /* over growth of the registry */
    rove__registry *registry;
    rove__hq_database *database;
    committer *committer;
    hq_spool spool;
    policy *_Atomic policy; /* the newest; older ones are kept for exchanges under way */
    wake *wake;
};

static rove_status fail(rove_status status, rove_error *error) {
    if (status != ROVE_OK && error != NULL && error->message[0] == '\0') {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    return status;
}

/* ---- the timeline (T1, T2) ------------------------------------------------------------------------------ */

static rove_status draw(hq *self, void *bytes, size_t size) {
    return self->ports.random.fill(self->ports.random.ctx, bytes, size);
}

static void own_key(char key[ROVE_NAME_MAX], rove_replica replica) {
    rove__text_format(key, ROVE_NAME_MAX, "headquarters/%u", (unsigned)replica);
}

/* OK: free. EXISTS: a device, or headquarters on an older timeline, has it. */
static rove_status replica_free(hq *self, rove__hq_tx *tx, rove_replica replica) {
    char key[ROVE_NAME_MAX];
    rove__hq_device device;
    rove__bytes value;
    if (replica <= ROVE_REPLICA_HEADQUARTERS) {
        return ROVE_EXISTS;
    }
    rove_status status = self->database->store.device_get(tx, replica, 0, &device);
    if (status != ROVE_NOT_FOUND) {
        return status == ROVE_OK ? ROVE_EXISTS : status;
    }
    rove__arena arena;
    rove__arena_init(&arena, &self->ports.allocator, SETTING_ARENA);
    own_key(key, replica);
    status = self->database->directory.setting_get(tx, key, &arena, &value);
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status == ROVE_OK ? ROVE_EXISTS : status;
}

rove_status hq_draw_replica(hq *self, rove__hq_tx *tx, rove_replica *replica, rove_error *error) {
    *replica = 0;
    for (int i = 0; i < DRAW_TRIES; i++) {
        uint32_t number = 0;
        rove_status status = draw(self, &number, sizeof number);
        if (status == ROVE_OK) {
            number &= ROVE_REPLICA_MAX;
            status = replica_free(self, tx, number);
        }
        if (status == ROVE_OK) {
            *replica = number;
            return ROVE_OK;
        }
        if (status != ROVE_EXISTS) {
            return fail(status, error);
        }
    }
    return rove__error_set(error, ROVE_SERVER, "No free replica number was found.");
}

static rove_status draw_timeline(hq *self, rove__hq_tx *tx, uint64_t *timeline) {
    rove__hq_timeline taken;
    rove_status status = ROVE_OK;
    while (status == ROVE_OK) {
        status = draw(self, timeline, sizeof *timeline);
        *timeline &= TIMELINE_MASK;
        if (status == ROVE_OK && *timeline != 0) {
            status = self->database->store.timeline_get(tx, *timeline, &taken);
        }
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status begin_timeline(void *ctx, rove__hq_tx *tx, rove_error *error) {
    hq *self = ctx;
    const rove__hq_store *store = &self->database->store;
    char key[ROVE_NAME_MAX];
    rove__hq_head head;
    rove__hq_timeline timeline = {0};
    rove_status status = store->head_get(tx, &head);
    if (status == ROVE_OK) {
        timeline.parent = head.timeline;
        timeline.parted = head.seq;
        status = draw_timeline(self, tx, &timeline.timeline);
    }
    if (status == ROVE_OK && ROVE_PLANTED(T01_SAME_LINE)) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = store->timeline_put(tx, &timeline);
    }
    if (status == ROVE_OK) {
        rove_replica former = head.replica;
        status = hq_draw_replica(self, tx, &head.replica, error);
        head.replica = ROVE_PLANTED(T02_SAME_NUMBER) ? former : head.replica;
    }
    if (status == ROVE_OK) {
        own_key(key, head.replica);
        status =
            self->database->directory.setting_put(tx, key, (rove__bytes){(const uint8_t *)"1", 1});
    }
    if (status == ROVE_OK) {
        head.timeline = timeline.timeline;
        head.counter = 0;
        status = store->head_put(tx, &head);
    }
    return fail(status, error);
}

/* ---- policy --------------------------------------------------------------------------------------------- */

static rove_status read_policy(void *ctx, rove__hq_tx *tx, rove_error *error) {
    hq *self = ctx;
    policy *read = NULL;
    rove_status status =
        policy_read(&self->ports.allocator, self->database, tx, self->policy, &read, error);
    if (status == ROVE_OK) {
        self->policy = read;
    }
    return fail(status, error);
}

rove_status hq_policy_reload(hq *self, rove_error *error) {
    hq_schema_change_begin(self); /* one at a time */
    const rove__hq_store *store = &self->database->store;
    rove__hq_tx *tx = NULL;
    rove_status status = store->begin(store->ctx, ROVE_HQ_READ, &tx, error);
    if (status == ROVE_OK) {
        status = read_policy(self, tx, error);
        store->rollback(tx);
    }
    hq_schema_change_end(self);
    return fail(status, error);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static rove_status derive_rows(void *ctx, rove__hq_tx *tx, rove_error *error) {
    hq *self = ctx;

    return fail(hq_derive(self->database, self->registry, &self->ports.allocator, tx), error);
}

static rove_status find_authority(hq *self, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_pki_bytes bytes;
    rove_status status = hq_join(path, self->folder, "ca.der", error);
    if (status == ROVE_OK) {
        status = self->ports.files.read(self->ports.files.ctx, path, bytes.data, sizeof bytes.data,
                                        &bytes.size, error);
    }
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "There is no headquarters in %.120s. Make one: rove-hq --data %.60s "
                               "init",
                               self->folder, self->folder);
    }
    return status;
}

static int is_there(const hq *self, const char *path) {
    const rove_files *files = &self->ports.files;
    uint8_t byte = 0;
    size_t size = 0;
    return files->read(files->ctx, path, &byte, sizeof byte, &size, NULL) != ROVE_NOT_FOUND;
}

/* It is not made: it would be an empty one, over the keys of a headquarters. */
static rove_status say_missing(const hq *self, rove_error *error) {
    char restored[HQ_PATH_MAX];
    rove_status status = hq_join(restored, self->folder, "hq.db-restored", error);
    if (status == ROVE_OK && is_there(self, restored)) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "A restore in %.120s was cut short. Restore the same backup again.",
                               self->folder);
    }
    return rove__error_set(
        error, ROVE_NOT_FOUND,
        "There is no hq.db in %.120s. Restore a backup of it, or if it was never "
        "complete, run init again.",
        self->folder);
}

static rove_status open_database(hq *self, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove__hq_head head;
    rove__hq_tx *tx = NULL;
    rove_status status = hq_join(path, self->folder, "hq.db", error);
    if (status == ROVE_OK && !is_there(self, path)) {
        return say_missing(self, error);
    }
    if (status == ROVE_OK) {
        status = rove__registry_new(&self->ports.allocator, &self->registry);
    }
    if (status == ROVE_OK) {
        status = rove__hq_sqlite_open(&self->ports.allocator, self->registry, path, &self->database,
                                      error);
    }
    if (status == ROVE_OK) {
        const rove__hq_store *store = &self->database->store;
        status = store->begin(store->ctx, ROVE_HQ_READ, &tx, error);
        if (status == ROVE_OK) {
            status = store->head_get(tx, &head);
            store->rollback(tx);
        }
        if (status == ROVE_OK && head.timeline == 0) {
            return rove__error_set(error, ROVE_NOT_FOUND,
                                   "The headquarters in %.120s is not complete. Run init again.",
                                   self->folder);
        }
    }
    return fail(status, error);
}

static rove_status open_folder(hq *self, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_status status = find_authority(self, error);
    if (status == ROVE_OK) {
        status = hq_join(path, self->folder, "lock", error);
    }
    if (status == ROVE_OK) {
        status = self->ports.files.lock(self->ports.files.ctx, path, &self->lock, error);
    }
    if (status == ROVE_OK) {
        hq_keys *keys = NULL;
        status = hq_keys_load(&self->ports, self->folder, &keys, error);
        self->keys = keys;
    }
    if (status == ROVE_OK) {
        status = open_database(self, error);
    }
    if (status == ROVE_OK) {
        status = wake_new(self, &self->wake, error);
    }
    if (status == ROVE_OK) {
        status = committer_new(&self->ports.allocator, &self->database->store, &self->ports.clock,
                               !self->ports.one_thread, &self->committer, error);
    }
    if (status == ROVE_OK) {
        committer_on_commit(self->committer, wake_committed, self->wake);
    }
    if (status == ROVE_OK) {
        status = hq_commit(self, begin_timeline, self, error);
    }
    if (status == ROVE_OK) {
        status = hq_commit(self, derive_rows, self, error);
    }
    if (status == ROVE_OK) {
        status = hq_read(self, read_policy, self, error);
    }
    if (status == ROVE_OK) {
        status = rotate_settle(self, error);
    }
    if (status == ROVE_OK) {
        trail_note(self); /* of a process that was killed before */
    }
    return status;
}

rove_status hq_open(const hq_ports *ports, const char *folder, hq **out, rove_error *error) {
    *out = NULL;
    hq *self = rove__alloc_zeroed(&ports->allocator, 1, sizeof *self);
    if (self == NULL) {
        return fail(ROVE_NOMEM, error);
    }
    self->ports = *ports;
    (void)pthread_rwlock_init(&self->schema, NULL);
    (void)pthread_mutex_init(&self->changing, NULL);
    rove__text_format(self->folder, sizeof self->folder, "%s", folder);
    hq_spool_init(&self->spool, &self->ports.allocator, self->folder);
    rove_status status =
        strlen(folder) < sizeof self->folder ? open_folder(self, error) : fail(ROVE_TOO_BIG, error);
    if (status != ROVE_OK) {
        hq_close(self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

void hq_close(hq *self) {
    if (self == NULL) {
        return;
    }
    if (self->policy != NULL) { /* it was opened */
        trail_note(self);
    }
    committer_free(self->committer);
    wake_free(self->wake);
    if (self->database != NULL) {
        self->database->close(self->database);
    }
    rove__registry_free(self->registry);
    hq_keys_free(&self->ports, self->keys);
    if (self->lock != NULL) {
        self->ports.files.unlock(self->ports.files.ctx, self->lock);
    }
    policy_free(&self->ports.allocator, self->policy);
    (void)pthread_rwlock_destroy(&self->schema);
    (void)pthread_mutex_destroy(&self->changing);
    rove_allocator allocator = self->ports.allocator;
    rove__free(&allocator, self);
}

const hq_ports *hq_get_ports(const hq *self) {
    return &self->ports;
}

const char *hq_folder(const hq *self) {
    return self->folder;
}

rove__registry *hq_registry(hq *self) {
    return self->registry;
}

rove__hq_database *hq_database(hq *self) {
    return self->database;
}

const hq_keys *hq_get_keys(const hq *self) {
    return self->keys;
}

rove_status hq_change_keys(hq *self, hq_key_change change, void *ctx, rove_error *error) {
    hq_keys *fresh = NULL;
    (void)pthread_mutex_lock(&self->changing);
    rove_status status = change(ctx, self->keys, error);
    if (status == ROVE_OK) {
        status = hq_keys_load(&self->ports, self->folder, &fresh, error);
    }
    if (status == ROVE_OK) {
        fresh->older = self->keys;
        self->keys = fresh;
    }
    (void)pthread_mutex_unlock(&self->changing);
    return fail(status, error);
}

typedef struct renewal {
    hq *headquarters;
    const char *const *hosts;
    size_t count;
} renewal;

static rove_status renew_server(void *ctx, const hq_keys *keys, rove_error *error) {
    const renewal *self = ctx;
    return hq_keys_renew(&self->headquarters->ports, self->headquarters->folder, keys, self->hosts,
                         self->count, error);
}

rove_status hq_renew_server(hq *self, const char *const *hosts, size_t count, rove_error *error) {
    renewal what = {self, hosts, count};
    return hq_change_keys(self, renew_server, &what, error);
}

wake *hq_get_wake(hq *self) {
    return self->wake;
}

rove__server_ports hq_server_ports(hq *self) {
    return (rove__server_ports){.allocator = &self->ports.allocator,
                                .registry = self->registry,
                                .store = &self->database->store,
                                .crypto = &self->ports.crypto,
                                .random = &self->ports.random,
                                .log = &self->ports.log,
                                .sealing = &hq_get_keys(self)->sealing,
                                .news = wake_news(self->wake),
                                .spool = &self->spool.port};
}

const rove__server_policy *hq_policy(const hq *self) {
    return &self->policy->server;
}

int hq_keep_days(const hq *self) {
    return self->policy->keep_days;
}

int64_t hq_now_ms(const hq *self) {
    rove_clock_reading now;
    self->ports.clock.read(self->ports.clock.ctx, &now);
    return now.wall_ms;
}

/* ---- transactions --------------------------------------------------------------------------------------- */

void hq_submit(hq *self, hq_task *task) {
    committer_submit(self->committer, task);
}

rove_status hq_commit(hq *self, hq_job job, void *ctx, rove_error *error) {
    return committer_run(self->committer, job, ctx, error);
}

uint64_t hq_commit_groups(hq *self) {
    return committer_groups(self->committer);
}

rove_status hq_read(hq *self, hq_job job, void *ctx, rove_error *error) {
    const rove__hq_store *store = &self->database->store;
    rove__hq_tx *tx = NULL;
    hq_schema_hold(self);
    rove_status status = store->begin(store->ctx, ROVE_HQ_READ, &tx, error);
    if (status == ROVE_OK) {
        status = job(ctx, tx, error);
        store->rollback(tx);
    }
    hq_schema_release(self);
    return fail(status, error);
}

void hq_schema_hold(hq *self) {
    (void)pthread_rwlock_rdlock(&self->schema);
}

void hq_schema_release(hq *self) {
    (void)pthread_rwlock_unlock(&self->schema);
}

void hq_schema_change_begin(hq *self) {
    (void)pthread_rwlock_wrlock(&self->schema);
}

void hq_schema_change_end(hq *self) {
    (void)pthread_rwlock_unlock(&self->schema);
}

rove_status hq_writer(hq *self, rove__hq_tx *tx, const char *operator_name, const char *act,
                      rove__writer **writer, rove_error *error) {
    rove__writer_options options = {.allocator = &self->ports.allocator,
                                    .registry = self->registry,
                                    .store = &self->database->store,
                                    .random = &self->ports.random,
                                    .now_ms = hq_now_ms(self),
                                    .operator_name = operator_name,
                                    .act = act,
                                    .news = wake_news(self->wake)};
    return rove__writer_begin(&options, tx, writer, error);
}

rove_status hq_record(hq *self, rove__hq_tx *tx, const hq_io *io, const char *act,
                      const char *detail, uint64_t seq) {
    rove__hq_act entry = {.at_ms = hq_now_ms(self),
                          .operator_name = io == NULL ? "" : io->operator_name,
                          .act = act,
                          .detail = detail,
                          .seq = seq};
    rove_status status = self->database->directory.act_put(tx, &entry);
    return status == ROVE_OK ? trail_append(self, tx, &entry) : status;
}
