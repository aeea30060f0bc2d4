/*
 * init.c - makes a headquarters: keys first, then the database in one transaction. An init that was cut short is
 * finished by the next one, with the keys that are there.
 */
#include "hq.h"

#include <string.h>

#include "base/text.h"
#include "keys.h"
#include "path.h"

#define ARENA_MAX ((size_t)256 * 1024)
/* Devices come every quarter of an hour when nothing wakes them. */
static const char policy_text[] = "{\"poll_ms\":900000}";

typedef struct making {
    const hq_ports *ports;
    const hq_init_options *options;
    rove__registry *registry;
    rove__hq_database *database;
    rove__hq_tx *tx;
} making;

static int64_t now_ms(const making *self) {
    rove_clock_reading now;
    self->ports->clock.read(self->ports->clock.ctx, &now);
    return now.wall_ms;
}

/* The first timeline begins where there is nothing. */
static rove_status put_head(making *self) {
    const rove__hq_store *store = &self->database->store;
    rove__hq_timeline timeline = {.timeline = 1};
    rove__hq_head head = {.timeline = timeline.timeline,
                          .stamp = rove__stamp_make(now_ms(self), 0),
                          .replica = ROVE_REPLICA_HEADQUARTERS};
    rove_status status =
        self->ports->random.fill(self->ports->random.ctx, head.digest_key, sizeof head.digest_key);
    if (status == ROVE_OK) {
        status = store->timeline_put(self->tx, &timeline);
    }
    return status == ROVE_OK ? store->head_put(self->tx, &head) : status;
}

static void set_text(rove__row *row, const char *field, const char *text) {
    if (text != NULL) {
        rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field),
                      rove__value_text(text));
    }
}

static rove_status put_settings(making *self, rove__arena *arena, uint64_t *seq,
                                rove_error *error) {
    rove__row row;
    rove__writer *writer = NULL;
    rove__writer_options options = {.allocator = &self->ports->allocator,
                                    .registry = self->registry,
                                    .store = &self->database->store,
                                    .random = &self->ports->random,
                                    .now_ms = now_ms(self),
                                    .operator_name = self->options->operator_name,
                                    .act = "init"};
    rove_status status =
        rove__row_init(&row, rove__registry_by_name(self->registry, "Settings"), 0, arena);
    if (status != ROVE_OK) {
        return status;
    }
    set_text(&row, "name", self->options->name);
    set_text(&row, "base_currency", self->options->currency);
    set_text(&row, "timezone", self->options->timezone);
    status = rove__writer_begin(&options, self->tx, &writer, error);
    if (status == ROVE_OK) {
        status = rove__writer_insert(writer, &row, error);
        if (status != ROVE_OK) {
            rove__writer_abandon(writer);
        } else {
            status = rove__writer_finish(writer, seq, error);
        }
    }
    return status;
}

static rove_status fill(making *self, rove_error *error) {
    uint64_t seq = 0;
    rove__arena arena;
    const rove__hq_directory *directory = &self->database->directory;
    rove__arena_init(&arena, &self->ports->allocator, ARENA_MAX);
    rove_status status = put_head(self);
    if (status == ROVE_OK) {
        status = put_settings(self, &arena, &seq, error);
    }
    if (status == ROVE_OK) {
        rove__bytes policy = {(const uint8_t *)policy_text, sizeof policy_text - 1};
        status = directory->setting_put(self->tx, "policy", policy);
    }
    if (status == ROVE_OK) {
        rove__hq_act act = {.at_ms = now_ms(self),
                            .operator_name = self->options->operator_name,
                            .act = "init",
                            .detail = self->options->name,
                            .seq = seq};
        status = directory->act_put(self->tx, &act);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status exists(const char *folder, rove_error *error) {
    return rove__error_set(error, ROVE_EXISTS,
                           "There is a headquarters in %.150s already; nothing was changed.",
                           folder);
}

static rove_status make_database(making *self, const char *folder, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove__hq_head head;
    rove_status status = hq_join(path, folder, "hq.db", error);
    if (status == ROVE_OK) {
        status = rove__registry_new(&self->ports->allocator, &self->registry);
    }
    if (status == ROVE_OK) {
        status = rove__hq_sqlite_open(&self->ports->allocator, self->registry, path,
                                      &self->database, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    const rove__hq_store *store = &self->database->store;
    status = store->begin(store->ctx, ROVE_HQ_WRITE, &self->tx, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = store->head_get(self->tx, &head);
    if (status == ROVE_OK && head.timeline != 0) {
        store->rollback(self->tx);
        return exists(folder, error);
    }
    if (status == ROVE_OK) {
        status = fill(self, error);
    }
    if (status != ROVE_OK) {
        store->rollback(self->tx);
        return status;
    }
    return store->commit(self->tx, error);
}

/* 1: keys and database are there. Opening the database of a complete one could wait for its server. */
static int is_made(const hq_ports *ports, const char *folder, rove_error *error) {
    static const char *const names[] = {"ca.der", "server.der", "hq.db"};
    char path[HQ_PATH_MAX];
    uint8_t byte;
    size_t size;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rove_status status = hq_join(path, folder, names[i], error);
        if (status == ROVE_OK) {
            status = ports->files.read(ports->files.ctx, path, &byte, 1, &size, NULL);
        }
        if (status != ROVE_OK && status != ROVE_TOO_BIG) {
            return 0;
        }
    }
    return 1;
}

static rove_status make_locked(making *self, const char *folder, rove_error *error) {
    rove_status status = hq_keys_make(self->ports, folder, self->options, error);
    if (status == ROVE_OK) {
        status = make_database(self, folder, error);
    }
    if (self->database != NULL) {
        self->database->close(self->database);
    }
    rove__registry_free(self->registry);
    return status;
}

rove_status hq_init(const hq_ports *ports, const char *folder, const hq_init_options *options,
                    rove_error *error) {
    making self = {.ports = ports, .options = options};
    char path[HQ_PATH_MAX];
    void *lock = NULL;
    size_t name_size = strlen(options->name);
    if (name_size < 1 || name_size > 64 || options->host_count == 0) {
        return rove__error_set(error, ROVE_INVALID,
                               "A headquarters needs a name of 1 to 64 bytes and at least one host "
                               "under which devices reach it.");
    }
    rove_status status = ports->files.make_folder(ports->files.ctx, folder, error);
    if (status == ROVE_OK) {
        status = hq_join(path, folder, "lock", error);
    }
    if (status == ROVE_OK) {
        status = ports->files.lock(ports->files.ctx, path, &lock, error);
        if (status == ROVE_BUSY && is_made(ports, folder, error)) {
            return exists(folder, error);
        }
    }
    if (status == ROVE_OK) {
        status = make_locked(&self, folder, error);
        ports->files.unlock(ports->files.ctx, lock);
    }
    if (status != ROVE_OK && error != NULL && error->message[0] == '\0') {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    return status;
}
