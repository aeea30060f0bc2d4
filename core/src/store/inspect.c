/*
 * store/inspect.c - see inspect.h.
 *
 * Three ways to open, none of which writes a byte:
 *
 *   nobody has it, and the log is empty or gone   immutable: SQLite looks at the file alone
 *   nobody has it, the log has something          no locks and the log's index on the heap (locking_mode EXCLUSIVE), so
 *                                                 that no -shm is made; closing does not check-point
 *   another process has it                        as any reader, with its -shm, mapped for reading
 *
 * An encrypted one is opened in the first two ways, over the sealing VFS with a vault of its own. In use it is left alone: its
 * log's index is on the other process's heap.
 *
 * The connection gets the settings that matter, and is then asked whether they took: what SQLite was compiled with decides.
 */
#include "store/inspect.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "store/internal.h"
#include "vault/key_file.h"
#include "vault/vfs.h"

#define ANCHOR_SIZE (24 + ROVE_BOOT_ID_SIZE)

typedef enum opening { OPEN_IMMUTABLE, OPEN_LOG, OPEN_SHARED } opening;

const char *rove__store_sqlite_built(void) {
    return SQLITE_VERSION;
}

const char *rove__store_sqlite_running(void) {
    return sqlite3_libversion();
}

/* A file of the folder: how many of its first bytes there are, 0 to 2; -1: there is none. */
static int has_bytes(const rove_files *files, const char *path) {
    uint8_t byte;
    size_t size = 0;
    rove_status status = files->read(files->ctx, path, &byte, 1, &size, NULL);
    return status == ROVE_NOT_FOUND ? -1 : status == ROVE_TOO_BIG ? 2 : (int)size;
}

/* "file:" and the path, with what an URI would take for its own escaped. */
static void put_uri(rove__buf *uri, const char *path, opening how) {
    static const char *const ends[] = {[OPEN_IMMUTABLE] = "?mode=ro&immutable=1",
                                       [OPEN_LOG] = "?mode=ro",
                                       [OPEN_SHARED] = "?mode=ro&readonly_shm=1"};
    rove__buf_append(uri, "file:", 5);
    for (; *path != '\0'; path++) {
        const char *escape = *path == '%'   ? "%25"
                             : *path == '?' ? "%3f"
                             : *path == '#' ? "%23"
                                            : "";
        rove__buf_append(uri, *escape != '\0' ? escape : path, *escape != '\0' ? 3 : 1);
    }
    rove__buf_append(uri, ends[how], strlen(ends[how]) + 1);
}

/* A VFS without locks. Unix calls it so; where it is not there, locks do no harm either. */
static const char *without_locks(const char *vfs) {
    return vfs == NULL && sqlite3_vfs_find("unix-none") != NULL ? "unix-none" : vfs;
}

/* `sealing`: the VFS of an encrypted one, which has its log's index on the heap anyway; NULL: of a plain one. */
static rove_status open_database(const rove_allocator *allocator, const char *path,
                                 const char *sealing, opening how, sqlite3 **db,
                                 rove_error *error) {
    const char *vfs = sealing != NULL ? sealing : how == OPEN_LOG ? without_locks(NULL) : NULL;
    rove__buf uri;
    rove__buf_init(&uri, allocator, 3 * strlen(path) + 64);
    put_uri(&uri, path, how);
    rove_status status = rove__buf_status(&uri);
    if (status == ROVE_OK) {
        int code = sqlite3_open_v2((const char *)uri.data, db,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                                       SQLITE_OPEN_PRIVATECACHE,
                                   vfs);
        if (code == SQLITE_OK) {
            code = sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        }
        if (code == SQLITE_OK && how == OPEN_LOG && sealing == NULL) {
            code = sqlite3_exec(*db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
        }
        status = rove__sqlite_status(*db, code, error, "Opening the replica");
    }
    if (status == ROVE_OK) {
        status = rove__connection_harden(*db, error);
    }
    rove__buf_free(&uri);
    return status;
}

/* The first column of the first row; 0 where there is none. A failure stays in *status. */
static int64_t number(sqlite3 *db, const char *sql, rove_status *status, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    if (*status != ROVE_OK) {
        return 0;
    }
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    *status = rove__sqlite_status(db, code, error, "Reading the replica");
    sqlite3_finalize(statement);
    return value;
}

/* What a setting is, once it was asked for; -1: it could not be asked. */
static int64_t setting(sqlite3 *db, const char *make, const char *ask) {
    rove_status status = ROVE_OK;
    (void)sqlite3_exec(db, make, NULL, NULL, NULL);
    int64_t value = number(db, ask, &status, NULL);
    return status == ROVE_OK ? value : -1;
}

static rove_status text(sqlite3 *db, const char *sql, char *out, size_t capacity,
                        rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        rove__text_format(out, capacity, "%s", value != NULL ? value : "");
    }
    rove_status status = rove__sqlite_status(db, code, error, "Reading the replica");
    sqlite3_finalize(statement);
    return status;
}

/* A record of _meta of a fixed size (state.h); zeros where it is missing or has another. */
static rove_status meta_bytes(sqlite3 *db, const char *key, uint8_t *out, size_t size,
                              rove_error *error) {
    sqlite3_stmt *statement = NULL;
    memset(out, 0, size);
    int code =
        sqlite3_prepare_v2(db, "SELECT value FROM _meta WHERE key = ?1", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW && (size_t)sqlite3_column_bytes(statement, 0) == size) {
        const void *bytes = sqlite3_column_blob(statement, 0);
        if (bytes != NULL) {
            memcpy(out, bytes, size);
        }
    }
    rove_status status = rove__sqlite_status(db, code, error, "Reading the replica");
    sqlite3_finalize(statement);
    return status;
}

/*
 * What the file's head says of its journal: SQLite itself says "delete" of every file that is opened as immutable. Bytes
 * 18 and 19 are the versions for writing and reading; 2 is the write-ahead log.
 */
static void read_journal_mode(sqlite3 *db, rove_inspection *out) {
    sqlite3_file *file = NULL;
    uint8_t versions[2] = {0, 0};
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && file->pMethods != NULL) {
        code = file->pMethods->xRead(file, versions, sizeof versions, 18);
    }
    if (code == SQLITE_OK) {
        int is_log = versions[0] == 2 && versions[1] == 2;
        rove__text_format(out->journal_mode, sizeof out->journal_mode, is_log ? "wal" : "other");
    }
}

static rove_status read_settings(sqlite3 *db, rove_inspection *out, rove_error *error) {
    rove_status status = ROVE_OK;
    read_journal_mode(db, out);
    out->page_size = number(db, "PRAGMA page_size", &status, error);
    out->synchronous = setting(db, "PRAGMA synchronous = FULL", "PRAGMA synchronous");
    out->secure_delete = setting(db, "PRAGMA secure_delete = ON", "PRAGMA secure_delete");
    out->cell_size_check = setting(db, "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check");
    return status;
}

static rove_status read_content(sqlite3 *db, rove_inspection *out, rove__anchor *anchor,
                                rove_error *error) {
    uint8_t owner[12];
    uint8_t bytes[ANCHOR_SIZE];
    rove__reader reader;
    rove_status status = meta_bytes(db, ROVE_META_OWNER, owner, sizeof owner, error);
    if (status == ROVE_OK) {
        status = meta_bytes(db, ROVE_META_ANCHOR, bytes, sizeof bytes, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__reader_init(&reader, owner, sizeof owner);
    out->replica = rove__reader_u32(&reader);
    out->user = (int64_t)rove__reader_u64(&reader);
    rove__reader_init(&reader, bytes, sizeof bytes);
    anchor->server_ms = (int64_t)rove__reader_u64(&reader);
    anchor->at.wall_ms = (int64_t)rove__reader_u64(&reader);
    anchor->at.boot_ms = (int64_t)rove__reader_u64(&reader);
    memcpy(anchor->at.boot_id, rove__reader_take(&reader, ROVE_BOOT_ID_SIZE), ROVE_BOOT_ID_SIZE);
    const struct {
        const char *sql;
        uint64_t *count;
    } counts[] = {
        {"SELECT count(*) FROM (SELECT DISTINCT entity, row FROM _outbox)", &out->pending},
        {"SELECT count(*) FROM _batch WHERE state = 0", &out->batches},
        {"SELECT count(*) FROM _batch WHERE state IN (3, 4)", &out->former_batches},
        {"SELECT count(*) FROM _rejection", &out->rejections},
        {"SELECT (SELECT count(*) FROM (SELECT DISTINCT entity, row FROM _quarantine))"
         " + (SELECT count(*) FROM _unknown)",
         &out->quarantined},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *counts[i].count = (uint64_t)number(db, counts[i].sql, &status, error);
    }
    out->remains =
        number(db, "SELECT value FROM _meta WHERE key = '" ROVE_META_REMAINS "'", &status, error);
    out->contact_ms = number(db, "SELECT value FROM _meta WHERE key = '" ROVE_META_CONTACT_MS "'",
                             &status, error);
    out->verified_ms = number(db, "SELECT value FROM _meta WHERE key = '" ROVE_META_VERIFIED_MS "'",
                              &status, error);
    return status;
}

static rove_status look(sqlite3 *db, unsigned how, rove_inspection *out, rove__anchor *anchor,
                        rove_error *error) {
    rove_status status = rove__schema_check(db, error);
    if (status == ROVE_OK) {
        status = read_settings(db, out, error);
    }
    if (status == ROVE_OK && number(db, "SELECT count(*) FROM sqlite_schema", &status, error) > 0) {
        status = read_content(db, out, anchor, error);
    }
    if ((how & ROVE_INSPECT_DEEP) != 0 && (status == ROVE_OK || status == ROVE_CORRUPT)) {
        rove_status deep = text(db, "PRAGMA quick_check(1)", out->damage, sizeof out->damage, NULL);
        out->looked_deep = deep == ROVE_OK;
        if (strcmp(out->damage, "ok") == 0) {
            out->damage[0] = '\0';
        }
    }
    return status;
}

/* ---- an encrypted one --------------------------------------------------------------------------------------- */

static rove_status open_vault(const rove__store_ports *ports, const char *key_path,
                              rove__vault *vault, rove_error *error) {
    rove__data_key key;
    memset(&key, 0, sizeof key);
    rove_status status = rove__lock_read(ports, key_path, &key, error);
    if (status == ROVE_OK) {
        status = rove__vault_open(vault, ports->crypto, ports->random, &key);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

typedef struct paths {
    char *database, *log, *sealed_log, *key;
} paths;

static rove_status look_plain(const rove__store_ports *ports, const paths *at, unsigned how,
                              rove_inspection *out, rove__anchor *anchor, rove_error *error) {
    sqlite3 *db = NULL;
    opening way = (how & ROVE_INSPECT_IN_USE) != 0       ? OPEN_SHARED
                  : has_bytes(ports->files, at->log) > 0 ? OPEN_LOG
                                                         : OPEN_IMMUTABLE;
    rove_status status = open_database(ports->allocator, at->database, NULL, way, &db, error);
    if (status == ROVE_OK) {
        status = look(db, how, out, anchor, error);
    }
    sqlite3_close_v2(db);
    return status;
}

static rove_status look_sealed(const rove__store_ports *ports, const paths *at, unsigned how,
                               rove_inspection *out, rove__anchor *anchor, rove_error *error) {
    sqlite3 *db = NULL;
    rove__vault vault;
    rove__vfs vfs;
    opening way = has_bytes(ports->files, at->sealed_log) > 0 ? OPEN_LOG : OPEN_IMMUTABLE;
    if (ports->keyring == NULL || ports->keyring->secret == NULL) {
        return rove__error_set(error, ROVE_LOCKED, "It is encrypted; it is opened with its key.");
    }
    if ((how & ROVE_INSPECT_IN_USE) != 0) {
        return rove__error_set(error, ROVE_BUSY, "It is encrypted, and another process has it.");
    }
    memset(&vault, 0, sizeof vault);
    memset(&vfs, 0, sizeof vfs);
    rove_status status = open_vault(ports, at->key, &vault, error);
    if (status == ROVE_OK) {
        int code =
            rove__vfs_open(&vfs, ports->allocator, without_locks(ports->vfs), &vault, at->database);
        status = rove__sqlite_status(NULL, code, error, "Opening the replica");
    }
    if (status == ROVE_OK) {
        status = open_database(ports->allocator, at->database, vfs.name, way, &db, error);
    }
    if (status == ROVE_OK) {
        status = look(db, how, out, anchor, error);
    }
    sqlite3_close_v2(db);
    rove__vfs_close(&vfs);
    rove__vault_close(&vault);
    return status;
}

static rove_status look_at(const rove__store_ports *ports, const paths *at, unsigned how,
                           rove_inspection *out, rove__anchor *anchor) {
    rove__vfs_content content = ROVE_VFS_NOTHING;
    rove_error error = {.message = ""};
    out->encrypted = has_bytes(ports->files, at->key) >= 0;
    if (has_bytes(ports->files, at->database) < 0) {
        out->database = ROVE_NOT_FOUND;
        return ROVE_OK;
    }
    int code = rove__vfs_look(ports->vfs, ports->allocator, at->database, &content);
    out->database = rove__sqlite_status(NULL, code, &error, "Opening the replica");
    if (out->database == ROVE_OK && out->encrypted && content != ROVE_VFS_PLAIN) {
        out->database = look_sealed(ports, at, how, out, anchor, &error);
    } else if (out->database == ROVE_OK) {
        out->database = look_plain(ports, at, how, out, anchor, &error);
    }
    rove__text_format(out->message, sizeof out->message, "%s",
                      out->database == ROVE_OK ? "" : error.message);
    return out->database == ROVE_NOMEM ? ROVE_NOMEM : ROVE_OK;
}

rove_status rove__store_inspect(const rove__store_ports *ports, const char *folder, unsigned how,
                                rove_inspection *out, rove__anchor *anchor) {
    const rove_allocator *allocator = ports->allocator;
    paths at = {.database = rove__store_path(allocator, folder, "replica.db"),
                .log = rove__store_path(allocator, folder, "replica.db-wal"),
                .sealed_log = rove__store_path(allocator, folder, "replica.db" ROVE_VAULT_LOG),
                .key = rove__store_path(allocator, folder, "core.key")};
    rove_status status = ROVE_NOMEM;
    memset(anchor, 0, sizeof *anchor);
    out->synchronous = out->secure_delete = out->cell_size_check = -1;
    if (at.database != NULL && at.log != NULL && at.sealed_log != NULL && at.key != NULL &&
        rove__sqlite_start() == SQLITE_OK) {
        status = look_at(ports, &at, how, out, anchor);
    }
    rove__free(allocator, at.database);
    rove__free(allocator, at.log);
    rove__free(allocator, at.sealed_log);
    rove__free(allocator, at.key);
    return status;
}
