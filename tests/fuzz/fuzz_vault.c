/*
 * fuzz_vault.c - a sealed database, its log and a rollback journal whose bytes were changed in any way: what is read from them
 * is what was there after one of the commits, or an error says that something is wrong.
 *
 *   input = change*
 *   change = 0 file at:u24 byte           the byte is added to the one there
 *          | 1 file at:u24 size:byte bytes    written over what is there, or behind it
 *          | 2 file from:u24 file to:u24 size:u24   copied; odd sizes are a page, a frame, or one of its parts
 *          | 3 file at:u24                the file ends there
 *          | 4 size:u24 bytes             a journal
 */
#include "scratch.h"

#include "posix/posix.h"
#include "vault/vfs.h"

#define COMMITS 5
#define MAX     131072

const size_t fuzz_mutations = 1500;

typedef struct content {
    uint8_t bytes[MAX];
    size_t size;
} content;

static rove_allocator allocator;
static rove_crypto crypto;
static rove_random entropy;
static const rove__data_key key = {.key = {7}, .file_id = {9}};
static char path[3][96]; /* of the database, the log, the journal */
static content original[2], changed[2];

/* ---- the files ------------------------------------------------------------------------------------------ */

static sqlite3 *open_database(rove__vault *vault, rove__vfs *vfs) {
    sqlite3 *db = NULL;

    fuzz_check(rove__vault_open(vault, &crypto, &entropy, &key) == ROVE_OK);
    fuzz_check(rove__vfs_open(vfs, &allocator, NULL, vault, path[0]) == SQLITE_OK);
    (void)sqlite3_open_v2(path[0], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs->name);
    (void)rove__vfs_reserve(db);
    return db;
}

static void close_database(sqlite3 *db, rove__vault *vault, rove__vfs *vfs) {
    fuzz_check(sqlite3_close(db) == SQLITE_OK);
    rove__vfs_close(vfs);
    rove__vault_close(vault);
}

static void keep(size_t which) {
    size_t size = 0;
    char *bytes = fuzz_load(path[which], &size);

    fuzz_check(bytes != NULL && size <= MAX);
    memcpy(original[which].bytes, bytes, size);
    original[which].size = size;
    free(bytes);
}

/* One row in the database, and one more in the log for each commit. */
static void prepare(void) {
    static const char *const endings[] = {"", ROVE_VAULT_LOG, "-journal"};
    rove__vault vault;
    rove__vfs vfs;

    if (original[0].size > 0) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%s/sealed.db%s", scratch_home(), endings[i]);
    }
    rove_posix_allocator(&allocator);
    rove_posix_crypto_openssl(&crypto);
    rove_posix_random(&entropy);
    sqlite3 *db = open_database(&vault, &vfs);
    fuzz_check(sqlite3_exec(db,
                            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"
                            "CREATE TABLE note(id INTEGER PRIMARY KEY, text);"
                            "INSERT INTO note(text) VALUES(printf('%.6000c', 'a'));"
                            "PRAGMA wal_checkpoint(TRUNCATE)",
                            NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 0; i < COMMITS; i++) {
        fuzz_check(sqlite3_exec(db, "INSERT INTO note(text) VALUES(printf('%.6000c', 'a'))", NULL,
                                NULL, NULL) == SQLITE_OK);
    }
    keep(0);
    keep(1);
    close_database(db, &vault, &vfs);
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static void put(content *file, size_t at, const uint8_t *bytes, size_t size) {
    if (at <= file->size && size <= MAX - at) {
        memmove(file->bytes + at, bytes, size);
        file->size = at + size > file->size ? at + size : file->size;
    }
}

static void copy(fuzz_input *in) {
    static const size_t units[] = {4096, 4184, 56, 4128, 64, 32};
    const content *from = &changed[fuzz_byte(in) % 2];
    size_t at = (size_t)fuzz_number(in, 3);
    content *to = &changed[fuzz_byte(in) % 2];
    size_t there = (size_t)fuzz_number(in, 3);
    size_t size = (size_t)fuzz_number(in, 3);

    size = size % 2 == 1 ? units[size / 2 % 6] : size;
    if (at <= from->size && size <= from->size - at) {
        put(to, there, from->bytes + at, size);
    }
}

static void change(fuzz_input *in) {
    uint8_t what = fuzz_byte(in) % 5;
    const uint8_t *bytes = NULL;
    size_t size = 0;

    if (what == 4) {
        bytes = fuzz_take(in, (size_t)fuzz_number(in, 3) % 16384, &size);
        fuzz_store(path[2], bytes, size);
        return;
    }
    if (what == 2) {
        copy(in);
        return;
    }
    content *file = &changed[fuzz_byte(in) % 2];
    size_t at = (size_t)fuzz_number(in, 3);
    if (what == 0 && at < file->size) {
        file->bytes[at] = (uint8_t)(file->bytes[at] + fuzz_byte(in));
    } else if (what == 1) {
        bytes = fuzz_take(in, fuzz_byte(in), &size);
        put(file, at, bytes, size);
    } else if (what == 3 && at < file->size) {
        file->size = at;
    }
}

/* ---- the property --------------------------------------------------------------------------------------- */

/* What the rows are, or SQLite's code. */
static int look(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        db,
        "SELECT count(*), max(id), sum(text = printf('%.6000c', 'a')),"
        " (SELECT group_concat(integrity_check) FROM pragma_integrity_check) FROM note",
        -1, &statement, NULL);

    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int rows = sqlite3_column_int(statement, 0);
        fuzz_check(rows >= 1 && rows <= COMMITS + 1);
        fuzz_check(sqlite3_column_int(statement, 1) == rows);
        fuzz_check(sqlite3_column_int(statement, 2) == rows);
        fuzz_check(strcmp((const char *)sqlite3_column_text(statement, 3), "ok") == 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code & 0xff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    rove__vault vault;
    rove__vfs vfs;

    prepare();
    memcpy(changed, original, sizeof changed);
    (void)unlink(path[2]);
    for (int i = 0; i < 16 && in.left > 0; i++) {
        change(&in);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)unlink(path[i]);
        fuzz_store(path[i], changed[i].bytes, changed[i].size);
    }
    sqlite3 *db = open_database(&vault, &vfs);
    int code = look(db);
    /* SQLITE_ERROR: an empty database has no such table. */
    fuzz_check(code == SQLITE_OK || code == SQLITE_IOERR || code == SQLITE_CORRUPT ||
               code == SQLITE_NOTADB || code == SQLITE_ERROR || code == SQLITE_CANTOPEN);
    close_database(db, &vault, &vfs);
    return 0;
}

void fuzz_seeds(const fuzz_seed *to) {
    static const struct {
        uint8_t bytes[13];
        size_t size;
    } changes[] = {
        {{0, 0, 0, 0, 50, 1}, 6},                          /* the first page */
        {{0, 0, 0, 0x2f, 0xf0, 1}, 6},                     /* a tag */
        {{0, 1, 0, 0, 3, 1}, 6},                           /* the log's header */
        {{0, 1, 0, 0x20, 0, 1}, 6},                        /* a frame */
        {{1, 1, 0, 0x30, 0, 3, 'a', 'b', 'c'}, 9},         /* written over */
        {{2, 0, 0, 0x10, 0, 0, 0, 0x20, 0, 0, 0, 1}, 12},  /* a page in another's place */
        {{2, 1, 0, 0, 64, 1, 0, 0x10, 0x98, 0, 0, 3}, 12}, /* a frame */
        {{2, 1, 0, 0, 120, 0, 0, 0x10, 0, 0, 0, 1}, 12},   /* a page of the log in the database */
        {{3, 1, 0, 0x30, 0}, 5},                           /* the log ends */
        {{3, 0, 0, 0x10, 9}, 5},                           /* the database does */
    };
    static uint8_t journal[4 + 512 + 4104] = {4,    0,    0x12, 0x08, 0xd9, 0xd5, 0x05, 0xf9,
                                              0x20, 0xa1, 0x63, 0xd7, 0,    0,    0,    1};

    prepare();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        to->give(to, changes[i].bytes, changes[i].size);
    }
    journal[4 + 19] = 3;    /* pages */
    journal[4 + 22] = 2;    /* a sector of 512 bytes */
    journal[4 + 26] = 0x10; /* a page of 4096 */
    journal[4 + 515] = 2;   /* the page */
    to->give(to, journal, sizeof journal);
}
