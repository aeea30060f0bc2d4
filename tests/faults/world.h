/*
 * faults/world.h - what most fault loops act in: a rep's device and headquarters with its real database (kept.h), with
 * faults below both; and a second rep, who is not disturbed. Also the table of what each call may say, and a ledger of what
 * the rep was told is kept.
 */
#ifndef ROVE_TESTS_WORLD_H
#define ROVE_TESTS_WORLD_H

#include "faults.h"

#include "kept.h"

#include "loop.h"

#define WORLD_HQ       LOOP_HQ_FOLDER
#define WORLD_OTHER    "other"
#define WORLD_USER     PHONE_USER
#define WORLD_ACCOUNTS 64

static uint64_t world_dice;

/* ---- what a call may say ----------------------------------------------------------------------------------------- */

/* As its comment in rove/client.h or rove/drop.h has it, beside INVALID, NOMEM, IO, FULL, READONLY and CORRUPT. */
static const struct world_documented {
    const char *function, *statuses;
} world_documented[] = {
    {"rove_open", "BUSY UPGRADE UTF8"},
    {"rove_enroll", "CODE EXISTS STATE BUSY TLS NETWORK TIMEOUT NOT_ROVE PROTOCOL"},
    {"rove_begin", "STATE"},
    {"rove_commit", "STATE NOT_ENROLLED"},
    {"rove_insert", "NOT_ENROLLED RANGE UTF8 TOO_BIG REQUIRED DENIED STATE CYCLE"},
    {"rove_update", "NOT_ENROLLED RANGE UTF8 TOO_BIG REQUIRED DENIED STATE CYCLE NOT_FOUND"},
    {"rove_increment", "NOT_ENROLLED RANGE TOO_BIG DENIED STATE NOT_FOUND"},
    {"rove_sync", "LIMIT CANCELLED BUSY STATE NOT_ENROLLED NETWORK TIMEOUT LATER SERVER NOT_ROVE "
                  "TRUNCATED TLS PROTOCOL VERSION UPGRADE UNAUTHORIZED REVOKED EXPIRED FORK"},
    {"rove_conflict_settle", "STATE NOT_FOUND"},
    {"rove_tidy", "BUSY STATE"},
    {"rove_lock", "STATE"},
    {"rove_wipe", "NOT_ENROLLED LOCKED BUSY STATE"},
    {"rove_drop_record", "NOT_ENROLLED BUSY STATE"},
    {"rove_drop_send",
     "NOT_ENROLLED BUSY CANCELLED NETWORK"}, /* and a request's: rove_sync has them */
    /* Of headquarters, as store/database.h and hq.h have it. */
    {"rove__hq_sqlite_open", "UPGRADE"},
    {"hq_open", "BUSY UPGRADE NOT_FOUND"},
    {"hq_restore", "BUSY"},
};

/* What the fault that is armed explains: of headquarters' own, what a device hears of it. */
static const char *const world_explained[LOOP_KINDS] = {
    [LOOP_MEMORY] = "NOMEM",
    [LOOP_SQLITE] = "NOMEM",
    [LOOP_FILES] = "IO",
    [LOOP_ROOM] = "FULL IO",
    [LOOP_STATEMENTS] = "IO",
    [LOOP_HQ_MEMORY] = "LATER SERVER NETWORK",
    [LOOP_HQ_SQLITE] = "LATER SERVER NETWORK",
    [LOOP_HQ_FILES] = "LATER SERVER NETWORK",
    [LOOP_HQ_ROOM] = "LATER SERVER NETWORK",
    [LOOP_HQ_STATEMENTS] = "LATER SERVER NETWORK",
    [LOOP_POWER] = "IO",
    [LOOP_HQ_POWER] = "LATER SERVER NETWORK",
};

static inline int world_has_word(const char *words, const char *word) {
    size_t size = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static inline const char *world_words_of(const char *function) {
    for (size_t i = 0; i < sizeof world_documented / sizeof *world_documented; i++) {
        if (strcmp(world_documented[i].function, function) == 0) {
            return world_documented[i].statuses;
        }
    }
    fail_msg("%s is not in the table", function);
    return "";
}

/* The word stands between `from` and `to`, and not in a longer one. */
static inline int world_stands_in(const char *from, const char *to, const char *word, size_t size) {
    for (const char *at = strstr(from, word); at != NULL && at < to; at = strstr(at + 1, word)) {
        char after = at[size];
        if ((at == from || at[-1] < 'A' || at[-1] > 'Z') && (after < 'A' || after > 'Z') &&
            after != '_' && at[-1] != '_') {
            return 1;
        }
    }
    return 0;
}

static const char *const world_headers[] = {"client.h", "drop.h"};

static inline void world_read_header(const char *name, char *text, size_t capacity) {
    char path[1024];

    snprintf(path, sizeof path, "%s/core/include/rove/%s", getenv("ROVE_SOURCE_DIR"), name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, capacity - 1, file);
    assert_true(size < capacity - 1 && fclose(file) == 0);
    text[size] = '\0';
}

/* 1: the header declares it, and names each of its statuses in that section. */
static inline int world_check_header(const char *header, const char *text,
                                     const struct world_documented *of) {
    const char *statuses = of->statuses;
    const char *section = text;
    char name[64];
    char word[32];

    (void)snprintf(name, sizeof name, "rove_status %s(", of->function);
    const char *declared = strstr(text, name);
    if (declared == NULL) {
        return 0;
    }
    for (const char *at = strstr(text, "/* ---- "); at != NULL && at < declared;
         at = strstr(at + 1, "/* ---- ")) {
        section = at;
    }
    for (int used = 0; sscanf(statuses, "%31s%n", word, &used) == 1; statuses += used) {
        if (!world_stands_in(section, declared, word, strlen(word))) {
            fail_msg("%s: %s does not name %s", of->function, header, word);
        }
    }
    return 1;
}

/* Every status of the table is named in the section of a public header that declares the function. */
static inline void world_check_table(void) {
    enum { HEADERS = sizeof world_headers / sizeof *world_headers };
    static char texts[HEADERS][128 * 1024];

    for (size_t i = 0; i < HEADERS; i++) {
        world_read_header(world_headers[i], texts[i], sizeof texts[i]);
    }
    for (size_t i = 0; i < sizeof world_documented / sizeof *world_documented; i++) {
        const struct world_documented *of = &world_documented[i];
        int found = 0;
        for (size_t at = 0; at < HEADERS; at++) {
            found |= world_check_header(world_headers[at], texts[at], of);
        }
        /* Headquarters' own are in neither. */
        assert_true(found || strncmp(of->function, "hq_", 3) == 0 ||
                    strncmp(of->function, "rove__", 6) == 0);
    }
}

/* Asserts that a call under the fault may have said this. 1: it is done. */
static inline int world_said(const char *function, rove_status status, const rove_error *error) {
    static const char always[] = "INVALID NOMEM IO FULL READONLY CORRUPT";
    const char *name = rove_status_name(status);

    if (status == ROVE_OK) {
        return 1;
    }
    if (!world_has_word(world_words_of(function), name) && !world_has_word(always, name)) {
        fail_msg("%s: %s is not documented: %s", function, name, error->message);
    }
    /* A call of headquarters itself says what its device counterpart would. */
    loop_kind kind = loop_now.kind;
    if (strncmp(function, "hq_", 3) == 0 || strncmp(function, "rove__hq", 8) == 0) {
        kind = kind == LOOP_HQ_POWER                                  ? LOOP_POWER
               : kind >= LOOP_HQ_MEMORY && kind <= LOOP_HQ_STATEMENTS ? kind - LOOP_HQ_MEMORY
                                                                      : kind;
    }
    if (!world_has_word(world_explained[kind], name)) {
        fail_msg("%s: %s is not what happened: %s", function, name, error->message);
    }
    if (error->message[0] == '\0' && strncmp(function, "rove__", 6) != 0) {
        fail_msg("%s: %s without a word", function, name);
    }
    return 0;
}

/* A call of the device's under the fault; 1 if it is done. */
#define WORLD_TRY(function, ...)                                                                   \
    (first.error = (rove_error){.message = ""},                                                    \
     world_said(#function, function(__VA_ARGS__), &first.error))

/* ---- the two ends ------------------------------------------------------------------------------------------------ */

static inline rove_status world_random(void *ctx, void *bytes, size_t size) {
    uint8_t *to = bytes;

    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)dice(&world_dice);
    }
    return ROVE_OK;
}

static inline rove_status world_route(phone *p, const rove_request *request, const rove__buf *body,
                                      rove__buf *answer) {
    int exchange = strstr(request->url, "/v1/exchange") != NULL;

    /* Enrolments and renewals are phone.h's, which asserts that they work. */
    faults_end = exchange ? FAULTS_HEADQUARTERS : FAULTS_NOWHERE;
    rove_status status =
        exchange ? kept_exchange(p, request, body, answer) : route(p, request, body, answer);
    faults_end = FAULTS_DEVICE;
    return status;
}

/* The files in which pushes wait lie in memory; they fail like others. */
static inline rove_status world_spool_open(void *ctx, rove__spool_file **file) {
    *file = NULL;
    return faults_hit(&faults_io) ? ROVE_IO : spools_open(ctx, file);
}

static inline rove_status world_spool_write(rove__spool_file *file, size_t at, const void *bytes,
                                            size_t size) {
    if (faults_hit(&faults_io)) {
        return faults_io.code == SQLITE_FULL ? ROVE_FULL : ROVE_IO;
    }
    return spools_write(file, at, bytes, size);
}

static inline rove_status world_spool_read(rove__spool_file *file, size_t at, void *bytes,
                                           size_t size) {
    return faults_hit_roomless(&faults_io) ? ROVE_IO : spools_read(file, at, bytes, size);
}

static inline void world_device(phone *p, const char *folder, rove_replica number) {
    open_phone(p, folder, number);
    p->route = world_route;
    p->ports.random = (rove_random){world_random, NULL};
}

/* Headquarters and two enrolled devices, of the same user, all open. For `prepare`. */
static inline void world_begin(void) {
    world_check_table();
    world_dice = 1;
    kept_begin(WORLD_HQ);
    hq.spool.open = world_spool_open;
    hq.spool.write = world_spool_write;
    hq.spool.read = world_spool_read;
    world_device(&first, LOOP_DEVICE_FOLDER, 7);
    world_device(&second, WORLD_OTHER, 8);
    faults_wrap_files(&first.ports.files);
    loop_heaps[FAULTS_DEVICE] = &first.memory;
    loop_heaps[FAULTS_HEADQUARTERS] = &hq.h;
}

static inline void world_close(void) {
    phone_close(&first);
    phone_close(&second);
    kept_close();
}

static inline void world_open(void) {
    kept_open(WORLD_HQ);
    phone_open(&first);
}

static inline void world_sound(const char *path) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* All are closed. */
static inline void world_end(void) {
    world_sound(LOOP_DEVICE_FOLDER "/replica.db");
    world_sound(WORLD_HQ "/hq.db");
    phone_stop(&first);
    phone_stop(&second);
    for (size_t i = 0; i < device_count; i++) {
        rep_close(&devices[i]);
    }
    site_close(&hq);
}

/* A sync that headquarters takes all of, and whose answer is lost. */
static inline rove_status world_lose(phone *p, const rove_request *request, const rove__buf *body,
                                     rove__buf *answer) {
    rove_status status = world_route(p, request, body, answer);

    return status == ROVE_OK ? ROVE_NETWORK : status;
}

static inline void world_lose_answer(phone *p) {
    p->route = world_lose;
    phone_is(p, rove_sync(p->replica, NULL, NULL, &p->error), ROVE_NETWORK);
    p->route = world_route;
}

/* ---- what the rep was told is kept -------------------------------------------------------------------------------- */

typedef struct world_record {
    char name[32];
    int kept; /* the call said OK */
} world_record;

static world_record world_ledger[WORLD_ACCOUNTS];
static size_t world_recorded;

/* He makes an account, under the fault. */
static inline rove_id world_record_account(const char *name) {
    world_record *record = &world_ledger[world_recorded++];
    rove_field fields[] = {{"name", rove_text(name)}};
    rove_id id = 0;

    assert_true(world_recorded <= WORLD_ACCOUNTS);
    snprintf(record->name, sizeof record->name, "%s", name);
    record->kept = WORLD_TRY(rove_insert, first.replica, "Account", fields, 1, &id, &first.error);
    assert_true(record->kept == (id != 0));
    return id;
}

/* One number from headquarters' database. */
static inline int64_t world_at_headquarters(const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open_v2(WORLD_HQ "/hq.db", &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* After settle(): all that is in the ledger is at both ends, once. What a call said had failed may be there, or not. */
static inline void world_check_ledger(void) {
    for (size_t i = 0; i < world_recorded; i++) {
        char sql[96];
        rove__text_format(sql, sizeof sql, "SELECT count(*) FROM account WHERE name = '%s'",
                          world_ledger[i].name);
        int64_t here = phone_number(&first, sql);
        if (here != world_at_headquarters(sql) || here > 1 || here < world_ledger[i].kept) {
            fail_msg("'%s' (%s): %d times here, %d times at headquarters", world_ledger[i].name,
                     world_ledger[i].kept ? "kept" : "failed", (int)here,
                     (int)world_at_headquarters(sql));
        }
    }
    assert_int_equal(phone_state(&first).quarantined, 0);
    assert_int_equal(phone_state(&first).pending, 0);
}

/* main() of a scenario that acts in this world and differs from others in these alone. */
static inline int world_main(int argc, char **argv, const char *name, unsigned kinds,
                             void (*prepare)(void), void (*act)(void), void (*check)(void)) {
    const loop_scenario scenario = {.name = name,
                                    .kinds = kinds,
                                    .prepare = prepare,
                                    .open = world_open,
                                    .act = act,
                                    .close = world_close,
                                    .check = check,
                                    .end = world_end};

    return loop_main(&scenario, argc, argv);
}

#endif
