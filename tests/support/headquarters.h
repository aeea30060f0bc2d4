/*
 * support/headquarters.h - a real headquarters in a fresh folder, with a wall clock that the test moves, for tests of
 * server-stub.
 */
#ifndef ROVE_TESTS_HEADQUARTERS_H
#define ROVE_TESTS_HEADQUARTERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hq.h"
#include "posix/posix.h"

typedef struct office_clock {
    rove_clock real;
    _Atomic int64_t offset_ms;
} office_clock;

typedef struct headquarters {
    hq_ports ports;
    office_clock clock;
    char folder[64];
    hq *hq;
    rove_error error;
} headquarters;

static inline void office_clock_read(void *ctx, rove_clock_reading *reading) {
    office_clock *clock = ctx;
    clock->real.read(clock->real.ctx, reading);
    reading->wall_ms += clock->offset_ms;
    reading->boot_ms += clock->offset_ms;
}

static inline void office_log(void *ctx, rove_log_level level, const char *module,
                              const char *text) {
    (void)ctx;
    (void)level;
    (void)module;
    (void)text;
}

/* A folder that is not a headquarters yet. */
static inline void headquarters_prepare(headquarters *h) {
    memset(h, 0, sizeof *h);
    (void)snprintf(h->folder, sizeof h->folder, "hq.XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    rove_posix_allocator(&h->ports.allocator);
    rove_posix_clock(&h->clock.real);
    h->ports.clock = (rove_clock){office_clock_read, &h->clock};
    rove_posix_random(&h->ports.random);
    rove_posix_files(&h->ports.files);
    h->ports.log = (rove_log){office_log, NULL, ROVE_LOG_DEBUG};
    assert_int_equal(rove_posix_crypto_new(&h->ports.crypto), ROVE_OK);
}

static inline rove_status headquarters_init(headquarters *h, const char *name) {
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
    hq_init_options options = {.name = name,
                               .hosts = hosts,
                               .host_count = 3,
                               .currency = "EUR",
                               .timezone = "Europe/Paris",
                               .operator_name = "tester"};
    return hq_init(&h->ports, h->folder, &options, &h->error);
}

static inline void headquarters_open(headquarters *h) {
    h->error.message[0] = '\0';
    if (hq_open(&h->ports, h->folder, &h->hq, &h->error) != ROVE_OK) {
        fail_msg("hq_open: %s", h->error.message);
    }
}

static inline void headquarters_start(headquarters *h) {
    headquarters_prepare(h);
    assert_int_equal(headquarters_init(h, "Acme Field Sales"), ROVE_OK);
    headquarters_open(h);
}

static inline void headquarters_path(const headquarters *h, const char *name, char *path,
                                     size_t capacity) {
    (void)snprintf(path, capacity, "%s/%s", h->folder, name);
}

/* Closes it and removes the folder. */
static inline void headquarters_end(headquarters *h) {
    char path[400];
    hq_close(h->hq);
    rove_posix_crypto_free(&h->ports.crypto);
    DIR *folder = opendir(h->folder);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        headquarters_path(h, entry->d_name, path, sizeof path);
        (void)unlink(path);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    (void)rmdir(h->folder);
}

/* ---- what is in it -------------------------------------------------------------------------------------- */

typedef struct headquarters_user {
    headquarters *h;
    const char *name;
    const char *login;
    int64_t status;
    rove_id id;
} headquarters_user;

static inline rove_status headquarters_user_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    headquarters_user *self = ctx;
    rove__arena arena;
    rove__row row;
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    size_t changed = 0;
    const rove__entity *user = rove__registry_by_name(hq_registry(self->h->hq), "User");
    rove__arena_init(&arena, &self->h->ports.allocator, 1 << 20);
    rove_status status = rove__row_init(&row, user, self->id, &arena);
    if (status == ROVE_OK) {
        rove__row_set(&row, (size_t)rove__entity_field_named(user, "name"),
                      rove__value_text(self->name));
        rove__row_set(&row, (size_t)rove__entity_field_named(user, "login"),
                      rove__value_text(self->login));
        rove__row_set(&row, (size_t)rove__entity_field_named(user, "role"), rove__value_int(1));
        rove__row_set(&row, (size_t)rove__entity_field_named(user, "status"),
                      rove__value_int(self->status));
        status = hq_writer(self->h->hq, tx, "tester", "users", &writer, error);
    }
    if (status == ROVE_OK) {
        status = self->id == 0 ? rove__writer_insert(writer, &row, error)
                               : rove__writer_update(writer, &row, &changed, error);
        self->id = row.id;
        if (status == ROVE_OK) {
            status = rove__writer_finish(writer, &seq, error);
        } else {
            rove__writer_abandon(writer);
        }
    }
    rove__arena_free(&arena);
    return status;
}

/* Makes a user (id 0), or gives him another status. */
static inline rove_id headquarters_user_put(headquarters *h, rove_id id, const char *login,
                                            int64_t status) {
    headquarters_user user = {
        .h = h, .name = "Jo Field", .login = login, .status = status, .id = id};
    h->error.message[0] = '\0';
    if (hq_commit(h->hq, headquarters_user_job, &user, &h->error) != ROVE_OK) {
        fail_msg("user: %s", h->error.message);
    }
    return user.id;
}

/* ---- commands ------------------------------------------------------------------------------------------- */

typedef struct said {
    char out[16384];
    size_t out_size;
    char err[4096];
    size_t err_size;
} said;

static inline void said_out(void *ctx, const char *bytes, size_t size) {
    said *s = ctx;
    size = size < sizeof s->out - 1 - s->out_size ? size : sizeof s->out - 1 - s->out_size;
    memcpy(s->out + s->out_size, bytes, size);
    s->out_size += size;
    s->out[s->out_size] = '\0';
}

static inline void said_err(void *ctx, const char *bytes, size_t size) {
    said *s = ctx;
    size = size < sizeof s->err - 1 - s->err_size ? size : sizeof s->err - 1 - s->err_size;
    memcpy(s->err + s->err_size, bytes, size);
    s->err_size += size;
    s->err[s->err_size] = '\0';
}

static inline hq_io said_io(said *s) {
    memset(s, 0, sizeof *s);
    return (hq_io){
        .out = said_out, .err = said_err, .ctx = s, .operator_name = "tester", .directory = "/"};
}

#define HEADQUARTERS_ARGS_MAX 16

/* Runs a command with arguments up to NULL, on this headquarters. */
static inline int headquarters_run(headquarters *h, said *s, ...) {
    char *argv[HEADQUARTERS_ARGS_MAX + 1];
    int argc = 0;
    va_list args;
    hq_io io = said_io(s);
    va_start(args, s);
    for (char *argument = va_arg(args, char *); argument != NULL && argc < HEADQUARTERS_ARGS_MAX;
         argument = va_arg(args, char *)) {
        argv[argc++] = argument;
    }
    va_end(args);
    argv[argc] = NULL;
    const hq_command *command = hq_command_named(argv[0]);
    assert_non_null(command);
    return command->run(h->hq, &io, argc, argv);
}

/* Rows of JSON would do; here a member's number, or a text up to the next quote, is enough. */
static inline const char *said_member(const said *s, const char *name) {
    static char value[512];
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\": ", name);
    const char *at = strstr(s->out, key);
    assert_non_null(at);
    at += strlen(key);
    at += *at == '"';
    size_t size = strcspn(at, "\",\n");
    assert_true(size < sizeof value);
    memcpy(value, at, size);
    value[size] = '\0';
    return value;
}

#endif
