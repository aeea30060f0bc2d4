/*
 * bench/visits.h - the rows that benchmarks work on, and plain SQLite holding them.
 *
 * A visit has 9 columns, id included, with an instruction of 60 characters, for one of 1,000 accounts. "Plain" keeps
 * them in the same typed STRICT table as the replica (all columns of the entity, none of Rove's) with an integer key
 * and the same index; "plain-uuid" has a key of 36 characters of text instead. Both use prepared statements, WAL,
 * synchronous=FULL, and the replica's cache and checkpoint settings.
 */
#ifndef ROVE_BENCH_VISITS_H
#define ROVE_BENCH_VISITS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/entity.h"

#define VISITS          100000
#define VISITS_ACCOUNTS 1000
#define VISITS_TEXT     60
#define VISITS_START_MS INT64_C(1764000000000)

typedef struct visit {
    int64_t id;
    int64_t account_id;
    int64_t visitor_id;
    int64_t planned_start;
    int64_t planned_end;
    int64_t status;
    int64_t priority;
    const char *type;
    char instruction[VISITS_TEXT + 1];
} visit;

/* splitmix64 (Steele, Lea, Flood, 2014) */
static inline uint64_t visits_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 60 characters of words: compressible as notes are. */
static inline void visits_text(uint64_t *state, char text[VISITS_TEXT + 1]) {
    static const char *const words[] = {
        "ask",   "for",   "the",     "new",      "shelf",      "price",   "bring",  "samples",
        "check", "stock", "of",      "manager",  "about",      "order",   "before", "noon",
        "call",  "back",  "display", "contract", "sign",       "invoice", "open",   "complaint",
        "photo", "door",  "with",    "delivery", "competitor", "offer",   "renew",  "term"};
    size_t size = 0;

    while (size < VISITS_TEXT) {
        const char *word = words[visits_random(state) % (sizeof words / sizeof *words)];
        size_t length = strlen(word);
        for (size_t i = 0; i <= length && size < VISITS_TEXT; i++) {
            text[size++] = i < length ? word[i] : ' ';
        }
    }
    text[VISITS_TEXT] = '\0';
}

/* The n-th visit; the same for every contender of a run. */
static inline visit visits_make(uint64_t seed, int64_t n) {
    static const char *const types[] = {"routine", "delivery", "audit", "first"};
    uint64_t state = seed + (uint64_t)n * 7919u;
    visit made;

    memset(&made, 0, sizeof made);
    made.account_id = (INT64_C(1) << 32) + 1 + (int64_t)(visits_random(&state) % VISITS_ACCOUNTS);
    made.visitor_id = (INT64_C(1) << 32) + 900001 + (int64_t)(visits_random(&state) % 5);
    made.planned_start =
        VISITS_START_MS + (int64_t)(visits_random(&state) % (365u * 24u * 4u)) * 900000;
    made.planned_end = made.planned_start + 1800000;
    made.status = 1;
    made.priority = 1 + (int64_t)(visits_random(&state) % 3);
    made.type = types[visits_random(&state) % 4];
    visits_text(&state, made.instruction);
    return made;
}

/* ---- plain SQLite ---- */

typedef struct plain {
    sqlite3 *db;
    int uuid;
    sqlite3_stmt *begin, *commit, *insert, *update, *get, *list, *upsert;
} plain;

static inline void plain_check(plain *p, int code, int wanted) {
    if (code != wanted) {
        fprintf(stderr, "plain SQLite: %s\n", sqlite3_errmsg(p->db));
        exit(2);
    }
}

static inline sqlite3_stmt *plain_prepare(plain *p, const char *sql) {
    sqlite3_stmt *statement = NULL;
    plain_check(p, sqlite3_prepare_v3(p->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL),
                SQLITE_OK);
    return statement;
}

static inline void plain_execute(plain *p, const char *sql) {
    plain_check(p, sqlite3_exec(p->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static inline void plain_create(plain *p, const rove__entity *entity) {
    char sql[8192];
    size_t at = (size_t)snprintf(sql, sizeof sql, "CREATE TABLE visit(id %s PRIMARY KEY",
                                 p->uuid ? "TEXT" : "INTEGER");

    for (size_t i = 0; i < entity->field_count; i++) {
        const rove__field *field = &entity->fields[i];
        const char *type = field->kind == ROVE_KIND_SET || field->type == ROVE_BLOB ? "BLOB"
                           : field->type == ROVE_TEXT                               ? "TEXT"
                                                                                    : "INTEGER";
        at += (size_t)snprintf(sql + at, sizeof sql - at, ", \"%s\" %s", field->name, type);
    }
    snprintf(sql + at, sizeof sql - at,
             ") STRICT; CREATE INDEX visit_by_account ON visit(account_id, planned_start)");
    plain_execute(p, sql);
}

/* A fresh file. */
static inline void plain_open(plain *p, const char *path, const rove__entity *entity, int uuid) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[512];

    memset(p, 0, sizeof *p);
    p->uuid = uuid;
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)remove(name);
    }
    plain_check(p, sqlite3_open(path, &p->db), SQLITE_OK);
    plain_execute(p, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
                     "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
                     "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192;"
                     "PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 16777216");
    plain_create(p, entity);
    p->begin = plain_prepare(p, "BEGIN IMMEDIATE");
    p->commit = plain_prepare(p, "COMMIT");
    p->insert = plain_prepare(p, "INSERT INTO visit(id, account_id, visitor_id, planned_start,"
                                 " planned_end, status, priority, type, instruction)"
                                 " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    p->update = plain_prepare(p, "UPDATE visit SET priority = ?2 WHERE id = ?1");
    p->get = plain_prepare(p, "SELECT * FROM visit WHERE id = ?1");
    p->list = plain_prepare(p, "SELECT id, planned_start, status, instruction FROM visit"
                               " WHERE account_id = ?1 ORDER BY planned_start");
    p->upsert = plain_prepare(
        p, "INSERT INTO visit(id, account_id, visitor_id, planned_start, planned_end, status,"
           " priority, type, instruction) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
           " ON CONFLICT(id) DO UPDATE SET account_id = excluded.account_id,"
           " visitor_id = excluded.visitor_id, planned_start = excluded.planned_start,"
           " planned_end = excluded.planned_end, status = excluded.status,"
           " priority = excluded.priority, type = excluded.type,"
           " instruction = excluded.instruction");
}

static inline void plain_close(plain *p) {
    sqlite3_stmt *const all[] = {p->begin, p->commit, p->insert, p->update,
                                 p->get,   p->list,   p->upsert};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        sqlite3_finalize(all[i]);
    }
    sqlite3_close(p->db);
}

static inline void plain_run(plain *p, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    plain_check(p, code, SQLITE_DONE);
}

/* A version 4 UUID made of the id: random to the b-tree, as those of peers are. */
static inline void plain_key(plain *p, sqlite3_stmt *statement, int64_t id, char text[40]) {
    if (!p->uuid) {
        sqlite3_bind_int64(statement, 1, id);
        return;
    }
    uint64_t state = (uint64_t)id;
    uint64_t a = visits_random(&state);
    uint64_t b = visits_random(&state);
    snprintf(text, 40, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
             (unsigned long long)(b & 0xffffffffffff));
    sqlite3_bind_text(statement, 1, text, 36, SQLITE_STATIC);
}

static inline void plain_put(plain *p, sqlite3_stmt *statement, const visit *v) {
    char key[40];

    plain_key(p, statement, v->id, key);
    sqlite3_bind_int64(statement, 2, v->account_id);
    sqlite3_bind_int64(statement, 3, v->visitor_id);
    sqlite3_bind_int64(statement, 4, v->planned_start);
    sqlite3_bind_int64(statement, 5, v->planned_end);
    sqlite3_bind_int64(statement, 6, v->status);
    sqlite3_bind_int64(statement, 7, v->priority);
    sqlite3_bind_text(statement, 8, v->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 9, v->instruction, VISITS_TEXT, SQLITE_STATIC);
    plain_run(p, statement);
}

static inline void plain_update(plain *p, int64_t id, int64_t priority) {
    char key[40];
    plain_key(p, p->update, id, key);
    sqlite3_bind_int64(p->update, 2, priority);
    plain_run(p, p->update);
}

static inline int64_t plain_pragma(plain *p, const char *sql) {
    sqlite3_stmt *statement = plain_prepare(p, sql);
    int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return value;
}

static inline int64_t plain_bytes(plain *p) {
    return (plain_pragma(p, "PRAGMA page_count") - plain_pragma(p, "PRAGMA freelist_count")) * 4096;
}

#endif
