/*
 * fuzz_replica.c - whatever stands in a replica's file - bytes of its pages, or any value in any of its tables - it is
 * opened or refused, and whatever is then done with it ends with a status: what a disk or somebody else has put there is
 * never taken for a bug.
 *
 *   input  = damage*
 *   damage = 0 offset:u24 size:byte bytes               bytes of the file
 *          | kind table:byte column:byte row:byte value  any value of a table; kind 1: a BLOB, 2: a number, 3: a text,
 *                                                        4: a BLOB of which one byte is changed
 */
#include "replica.h"

#include "scratch.h"

#define DAMAGES_MAX 4

const size_t fuzz_mutations = 150;

static const char *const tables[] = {"_meta",           "_outbox", "_deleted",    "_batch",
                                     "_frame",          "_scope",  "_quarantine", "_rejection",
                                     "account",         "visit",   "_former",     "custom_field",
                                     "account_tag_ids", "contact"};

static replica r;
static char *whole; /* the file */
static size_t whole_size;
static char path[128];

static void prepare(void) {
    char folder[60];
    size_t size = 0;
    sqlite3 *db = NULL;
    char *sql = fuzz_load_source("tests/golden/replica-1.sql", &size);

    snprintf(folder, sizeof folder, "%s/r", scratch_home());
    replica_prepare(&r, folder);
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/replica.db", folder);
    fuzz_check(sqlite3_open(path, &db) == SQLITE_OK);
    fuzz_check(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    fuzz_check(sqlite3_close(db) == SQLITE_OK);
    free(sql);
    replica_open(&r); /* in today's form */
    replica_close(&r);
    whole = fuzz_load(path, &whole_size);
    fuzz_check(whole != NULL);
}

/* ---- damage ---- */

static void damage_bytes(fuzz_input *in) {
    size_t at = (size_t)fuzz_number(in, 3) % whole_size;
    size_t size = 0;
    const uint8_t *bytes = fuzz_take(in, fuzz_byte(in), &size);
    FILE *file = fopen(path, "r+b");

    fuzz_check(file != NULL && fseek(file, (long)at, SEEK_SET) == 0);
    fuzz_check(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* The name of a column, "" if there is none. */
static const char *column_of(sqlite3 *db, const char *table, size_t column, char name[128]) {
    sqlite3_stmt *statement = NULL;
    char sql[128];

    name[0] = '\0';
    snprintf(sql, sizeof sql, "SELECT * FROM %s LIMIT 0", table);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
        int count = sqlite3_column_count(statement);
        snprintf(name, 128, "%s", sqlite3_column_name(statement, (int)(column % (size_t)count)));
    }
    sqlite3_finalize(statement);
    return name;
}

static void bind(sqlite3_stmt *statement, uint8_t kind, fuzz_input *in) {
    size_t size = 0;
    const uint8_t *bytes = NULL;

    if (kind == 2) {
        sqlite3_bind_int64(statement, 1, (int64_t)fuzz_number(in, 1 + fuzz_byte(in) % 8));
    } else {
        bytes = fuzz_take(in, fuzz_byte(in), &size);
        if (kind == 1) {
            sqlite3_bind_blob(statement, 1, bytes, (int)size, SQLITE_TRANSIENT);
        } else {
            sqlite3_bind_text(statement, 1, (const char *)bytes, (int)size, SQLITE_TRANSIENT);
        }
    }
}

/* One byte of a BLOB that is there. */
static void bind_changed(sqlite3 *db, sqlite3_stmt *statement, const char *table,
                         const char *column, unsigned row, fuzz_input *in) {
    sqlite3_stmt *was = NULL;
    char sql[400];
    size_t at = fuzz_byte(in);
    uint8_t mask = fuzz_byte(in);

    snprintf(sql, sizeof sql, "SELECT CAST(%s AS BLOB) FROM %s LIMIT 1 OFFSET %u", column, table,
             row);
    if (sqlite3_prepare_v2(db, sql, -1, &was, NULL) == SQLITE_OK &&
        sqlite3_step(was) == SQLITE_ROW && sqlite3_column_bytes(was, 0) > 0) {
        size_t size = (size_t)sqlite3_column_bytes(was, 0);
        uint8_t *copy = malloc(size);
        memcpy(copy, sqlite3_column_blob(was, 0), size);
        copy[at % size] ^= mask;
        sqlite3_bind_blob(statement, 1, copy, (int)size, SQLITE_TRANSIENT);
        free(copy);
    }
    sqlite3_finalize(was);
}

static void damage_value(uint8_t kind, fuzz_input *in) {
    const char *table = tables[fuzz_byte(in) % (sizeof tables / sizeof *tables)];
    size_t column = fuzz_byte(in);
    unsigned row = fuzz_byte(in) % 4u;
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    char name[128];
    char sql[600];

    if (sqlite3_open(path, &db) == SQLITE_OK && column_of(db, table, column, name)[0] != '\0') {
        /* Rows are found by their order, whatever their key is. */
        snprintf(
            sql, sizeof sql,
            "UPDATE OR IGNORE %s SET \"%s\" = ?1 WHERE \"%s\" IS (SELECT \"%s\" FROM %s LIMIT 1 "
            "OFFSET %u)",
            table, name, name, name, table, row);
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
            if (kind == 4) {
                bind_changed(db, statement, table, name, row, in);
            } else {
                bind(statement, kind, in);
            }
            (void)sqlite3_step(statement);
        }
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
}

/* ---- all that can be done with it ---- */

static void read_all(void) {
    rove__reader_connection *reader = NULL;
    rove__row row;

    if (rove__reader_open(r.store, &reader, &r.error) != ROVE_OK) {
        return;
    }
    for (uint32_t id = 0; id < 6; id++) {
        static const char *const entities[] = {"Account", "Visit", "Contact"};
        for (size_t e = 0; e < 3; e++) {
            rove_status status = rove__reader_get(reader, replica_entity(&r, entities[e]),
                                                  rove__id_make(1, id), &r.arena, &row);
            fuzz_check(status != ROVE_NOMEM);
        }
    }
    rove__reader_close(reader);
}

static void write_some(void) {
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "one more");
    if (rove__store_begin(r.store, &r.error) == ROVE_OK) {
        rove_status status = rove__store_insert(r.store, &row, &r.error);
        for (uint32_t id = 2; id < 5 && status == ROVE_OK; id++) {
            rove__row change = replica_row(&r, "Account", rove__id_make(1, id));
            replica_set_text(&change, "phone", "555");
            status = rove__store_update(r.store, &change, &r.error);
            if (status == ROVE_OK) {
                status = rove__store_delete(r.store, change.entity, change.id, &r.error);
            }
        }
        status = rove__store_commit(r.store, &r.error);
        fuzz_check(status != ROVE_NOMEM);
    }
}

static void exchange(void) {
    rove__hello hello;
    rove__digest_list digests;
    rove__push push = {.number = 0};
    rove__bytes rows;
    rove__formers formers;
    int64_t position = INT64_MIN;
    size_t frames = 0;
    int sealed = 0;
    rove_status status = rove__store_freeze(r.store, &r.error);

    fuzz_check(status != ROVE_NOMEM);
    status = rove__store_hello(r.store, &r.arena, &hello, &r.error);
    for (int first = 1; status == ROVE_OK; first = 0) {
        status = rove__store_push_next(r.store, first, push.number, push.ordinal, &r.arena, &push,
                                       &sealed, &r.error);
        fuzz_check(frames++ < 1000);
    }
    fuzz_check(status != ROVE_NOMEM);
    status = rove__store_needed_rows(r.store, &r.arena, &rows, &r.error);
    status = rove__store_formers(r.store, &position, &r.arena, &formers, &r.error);
    status = rove__store_digests(r.store, &r.arena, &digests, &r.error);
    fuzz_check(status != ROVE_NOMEM);
}

static void use(void) {
    rove__store_state state;
    uint64_t left = 0;

    rove_status status = rove__store_read_state(r.store, &state, &r.error);
    read_all();
    status = rove__store_quarantine_retry(r.store, &left, &r.error);
    status = rove__store_rejection_retry(r.store, 1, NULL, &r.error);
    write_some();
    exchange();
    status = rove__store_verify(r.store, &left, &r.error);
    fuzz_check(status != ROVE_NOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    char log[160];

    if (whole == NULL) {
        prepare();
    }
    snprintf(log, sizeof log, "%s-wal", path);
    (void)unlink(log);
    snprintf(log, sizeof log, "%s-shm", path);
    (void)unlink(log);
    fuzz_store(path, whole, whole_size);
    for (size_t i = 0; i < DAMAGES_MAX && in.left > 0; i++) {
        uint8_t kind = fuzz_byte(&in) % 5;
        if (kind == 0) {
            damage_bytes(&in);
        } else {
            damage_value(kind, &in);
        }
    }
    if (rove__store_open(&r.ports, r.folder, &r.store, &r.error) == ROVE_OK) {
        use();
    }
    rove__store_close(r.store);
    r.store = NULL;
    rove__arena_free(&r.arena);
    fuzz_check(r.memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    static const uint8_t header[] = {0, 0, 0, 24, 4, 1, 2, 3, 4};
    static const uint8_t page[] = {0, 0, 16, 10, 6, 13, 0, 255, 0, 9, 1};

    to->give(to, header, sizeof header);
    to->give(to, page, sizeof page);
    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++) {
        for (uint8_t column = 0; column < 9; column++) {
            const uint8_t byte[] = {4, (uint8_t)table, column, 0, 5, 0x80};
            const uint8_t number[] = {
                2, (uint8_t)table, column, 1, 7, 255, 255, 255, 255, 255, 255, 255, 255};
            to->give(to, byte, sizeof byte);
            to->give(to, number, sizeof number);
        }
    }
    for (uint8_t column = 50; column < 53;
         column++) { /* _clock, _pending, _unknown of an account */
        const uint8_t blob[] = {1, 8, column, 0, 3, 0, 1, 2};
        const uint8_t byte[] = {4, 8, column, 0, 1, 0x40};
        to->give(to, blob, sizeof blob);
        to->give(to, byte, sizeof byte);
    }
}
