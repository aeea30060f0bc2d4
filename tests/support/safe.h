/*
 * support/safe.h - a sealed database in a fresh folder below the test's own: ports, a data key, a vault, and the VFS over a
 * real one. The allocator counts and can fail (heap.h).
 *
 *     safe_make(&s, "name", SAFE_OPENSSL)   folder, ports and a key; no file
 *     safe_open(&s)                         vault and VFS, over s.real
 *     safe_connect(&s)                      a connection with the replica's settings
 *     safe_close(&s), safe_end(&s)
 *
 * A file's bytes may be read, put and changed one by one.
 */
#ifndef ROVE_TESTS_SAFE_H
#define ROVE_TESTS_SAFE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "heap.h"
#include "posix/posix.h"
#include "vault/key_file.h"
#include "vault/vfs.h"

#define SAFE_PATH_MAX 128

typedef enum safe_backend { SAFE_OPENSSL, SAFE_MBEDTLS } safe_backend;

typedef struct safe {
    safe_backend backend;
    heap memory;
    rove_allocator allocator;
    rove_crypto crypto;
    rove_random random;
    rove_files files;
    rove__key_ports ports;
    rove__data_key key;
    rove__vault vault;
    rove__vfs vfs;
    const char *real; /* the VFS below; NULL: the default one */
    char folder[SAFE_PATH_MAX];
    char path[SAFE_PATH_MAX + 16];
    char log[SAFE_PATH_MAX + 16];
    char key_path[SAFE_PATH_MAX + 16];
} safe;

static inline void safe_clear(const safe *s) {
    static const char *const names[] = {"sealed.db",         "sealed.db-log", "sealed.db-wal",
                                        "sealed.db-journal", "sealed.db-shm", "core.key"};
    char path[SAFE_PATH_MAX + 32];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
        (void)unlink(path);
    }
}

static inline void safe_make(safe *s, const char *name, safe_backend backend) {
    memset(s, 0, sizeof *s);
    s->backend = backend;
    s->allocator = heap_allocator(&s->memory);
    rove_posix_random(&s->random);
    rove_posix_files(&s->files);
    if (backend == SAFE_OPENSSL) {
        rove_posix_crypto_openssl(&s->crypto);
    } else {
        assert_int_equal(rove_posix_crypto_new(&s->crypto), ROVE_OK);
    }
    s->ports = (rove__key_ports){&s->crypto, &s->random, &s->files};
    snprintf(s->folder, sizeof s->folder, "%s", name);
    snprintf(s->path, sizeof s->path, "%s/sealed.db", name);
    snprintf(s->log, sizeof s->log, "%s/sealed.db" ROVE_VAULT_LOG, name);
    snprintf(s->key_path, sizeof s->key_path, "%s/core.key", name);
    assert_int_equal(s->files.make_folder(s->files.ctx, name, NULL), ROVE_OK);
    safe_clear(s);
    assert_int_equal(rove__data_key_draw(&s->random, &s->key), ROVE_OK);
}

static inline void safe_open(safe *s) {
    assert_int_equal(
        rove__vault_open(&s->vault, &s->crypto, &s->random, &s->key), ROVE_OK);
    assert_int_equal(rove__vfs_open(&s->vfs, &s->allocator, s->real, &s->vault, s->path),
                     SQLITE_OK);
}

static inline void safe_close(safe *s) {
    rove__vfs_close(&s->vfs);
    rove__vault_close(&s->vault);
    assert_int_equal(s->memory.alive, 0);
}

static inline void safe_end(safe *s) {
    safe_clear(s);
    (void)rmdir(s->folder);
    if (s->backend == SAFE_MBEDTLS) {
        rove_posix_crypto_free(&s->crypto);
    }
}

/* ---- connections ---- */

/* SQLite's (extended) code. */
static inline int safe_sql(sqlite3 *db, const char *sql) {
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? code : sqlite3_extended_errcode(db);
}

static inline void safe_ok(sqlite3 *db, const char *sql) {
    int code = safe_sql(db, sql);

    if (code != SQLITE_OK) {
        fail_msg("%s: %d, %s", sql, code, sqlite3_errmsg(db));
    }
}

/* The first column of the first row, or minus SQLite's code. */
static inline int64_t safe_int(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -sqlite3_extended_errcode(db);
    sqlite3_finalize(statement);
    return value;
}

static inline int safe_is_sound(sqlite3 *db) {
    return safe_int(db, "SELECT count(*) = 1 AND min(integrity_check) = 'ok'"
                        " FROM pragma_integrity_check") == 1;
}

/* The settings of core/src/store/open.c, as far as they concern files. */
static const char safe_settings[] = "PRAGMA page_size = 4096;"
                                    "PRAGMA journal_mode = WAL;"
                                    "PRAGMA synchronous = FULL;"
                                    "PRAGMA secure_delete = ON;"
                                    "PRAGMA temp_store = MEMORY;"
                                    "PRAGMA mmap_size = 0;"
                                    "PRAGMA cell_size_check = ON;";

/* Opens without a statement. */
static inline sqlite3 *safe_bare(safe *s) {
    sqlite3 *db = NULL;

    assert_int_equal(
        sqlite3_open_v2(s->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, s->vfs.name),
        SQLITE_OK);
    (void)sqlite3_extended_result_codes(db, 1);
    assert_int_equal(rove__vfs_reserve(db), SQLITE_OK);
    return db;
}

static inline sqlite3 *safe_connect(safe *s) {
    sqlite3 *db = safe_bare(s);

    safe_ok(db, safe_settings);
    return db;
}

/* A file that is written to its end and taken over by the database: nothing is left of the log. */
static inline void safe_disconnect(sqlite3 *db) {
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- bytes of files ---- */

typedef struct safe_bytes {
    uint8_t *data;
    size_t size;
} safe_bytes;

/* Nothing, if there is no file. The caller frees data. */
static inline safe_bytes safe_read(const char *path) {
    FILE *file = fopen(path, "rb");
    safe_bytes bytes = {NULL, 0};

    if (file != NULL) {
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        bytes.size = (size_t)ftell(file);
        rewind(file);
        bytes.data = malloc(bytes.size + 1);
        assert_non_null(bytes.data);
        assert_int_equal(fread(bytes.data, 1, bytes.size, file), bytes.size);
        (void)fclose(file);
    }
    return bytes;
}

static inline void safe_write(const char *path, const void *data, size_t size) {
    (void)unlink(path); /* some file systems wait for the disk when a file is cut */
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void safe_put(const char *path, const safe_bytes *bytes) {
    if (bytes->data != NULL) {
        safe_write(path, bytes->data, bytes->size);
    } else {
        (void)unlink(path);
    }
}

static inline void safe_flip(const char *path, long at) {
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_not_equal(byte, EOF);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x20, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static inline int safe_holds(const safe_bytes *bytes, const char *text) {
    size_t size = strlen(text);

    for (size_t i = 0; i + size <= bytes->size; i++) {
        if (memcmp(bytes->data + i, text, size) == 0) {
            return 1;
        }
    }
    return 0;
}

#endif
