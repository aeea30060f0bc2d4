/*
 * store/sqlite/inspect.c - see store/inspect.h.
 *
 * A file that nobody has open and that has no log is opened as immutable. One with a log, which a killed process left, is
 * read with the log's index on the heap and without locks, so that no -shm is made, and closing does not check-point. One
 * that is served is read as by any reader, its -shm mapped for reading.
 */
#include "store/inspect.h"

#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/sqlite/lite.h"

#define DOING "Reading the database"

const char *hq_sqlite_built(void) {
    return SQLITE_VERSION;
}

const char *hq_sqlite_running(void) {
    return sqlite3_libversion();
}

static int64_t size_of(const char *path, const char *suffix) {
    char whole[4096];
    struct stat info;
    rove__text_format(whole, sizeof whole, "%s%s", path, suffix);
    return stat(whole, &info) == 0 ? (int64_t)info.st_size : -1;
}

/* "file:", the path with what an URI would take for its own escaped, and how. */
static void put_uri(rove__buf *uri, const char *path, const char *how) {
    rove__lite_put(uri, "file:");
    for (; *path != '\0'; path++) {
        switch (*path) {
        case '%':
            rove__lite_put(uri, "%25");
            break;
        case '?':
            rove__lite_put(uri, "%3f");
            break;
        case '#':
            rove__lite_put(uri, "%23");
            break;
        default:
            rove__buf_byte(uri, (uint8_t)*path);
        }
    }
    rove__lite_put(uri, how);
    rove__buf_byte(uri, 0);
}

static rove_status open_file(rove__hq_tx *tx, const char *path, int served, rove_error *error) {
    int log = !served && size_of(path, "-wal") > 0;
    const char *vfs = log && sqlite3_vfs_find("unix-none") != NULL ? "unix-none" : NULL;
    put_uri(&tx->scratch, path,
            served ? "?mode=ro&readonly_shm=1"
            : log  ? "?mode=ro"
                   : "?mode=ro&immutable=1");
    rove_status status = rove__buf_status(&tx->scratch);
    if (status != ROVE_OK) {
        return status;
    }
    int code = sqlite3_open_v2((const char *)tx->scratch.data, &tx->db,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, vfs);
    rove__buf_reset(&tx->scratch);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(tx->db, 1);
        sqlite3_db_config(tx->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(tx->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        code = sqlite3_db_config(tx->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (code == SQLITE_OK && log) {
        code = sqlite3_exec(tx->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    }
    return rove__lite_status(tx->db, code, error, DOING);
}

/* The first column of the first row, 0 where there is none; a failure stays in *status. `sql` is a constant. */
static int64_t number(rove__hq_tx *tx, const char *sql, int64_t bound, rove_status *status) {
    if (*status != ROVE_OK) {
        return 0;
    }
    rove__lite_statement s = rove__lite_open(tx, sql);
    if (strchr(sql, '?') != NULL) {
        rove__lite_bind_int(&s, bound);
    }
    int64_t value = rove__lite_next(&s) ? rove__lite_int(&s, 0) : 0;
    *status = rove__lite_end(&s);
    return value;
}

static int64_t setting(rove__hq_tx *tx, const char *make, const char *ask) {
    rove_status status = ROVE_OK;
    (void)sqlite3_exec(tx->db, make, NULL, NULL, NULL);
    int64_t value = number(tx, ask, 0, &status);
    return status == ROVE_OK ? value : -1;
}

/* Bytes 18 and 19 of the head are 2 in write-ahead mode; SQLite itself says "delete" of what was opened as immutable. */
static int is_write_ahead(sqlite3 *db) {
    sqlite3_file *file = NULL;
    uint8_t versions[2] = {0, 0};
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && file->pMethods != NULL) {
        code = file->pMethods->xRead(file, versions, sizeof versions, 18);
    }
    return code == SQLITE_OK && versions[0] == 2 && versions[1] == 2;
}

static rove_status read_content(rove__hq_tx *tx, int64_t now_ms, hq_inspection *out) {
    rove_status status = ROVE_OK;
    const struct {
        const char *sql;
        int64_t *value;
    } all[] = {
        {"SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &out->bytes},
        {"SELECT seq FROM _head", &out->head},
        {"SELECT safe FROM _head", &out->safe},
        {"SELECT max((SELECT stamp >> 16 FROM _head), ifnull((SELECT max(at_ms) FROM _act), 0))",
         &out->last_ms},
        {"SELECT ifnull(max(at_ms), 0) FROM _act WHERE act = 'backup'", &out->backup_ms},
        {"SELECT count(*) FROM _device WHERE status = 1", &out->active},
        {"SELECT count(*) FROM _review_queue WHERE state = 0", &out->reviews},
        {"SELECT count(*) FROM _parked", &out->parked},
        {"SELECT count(*) FROM _plan WHERE state = 4", &out->plans_failed},
        {"SELECT count(*) FROM _plan WHERE state = 0 AND due_ms < ?", &out->plans_overdue},
        {"SELECT count(*) FROM _act WHERE act = 'contests' AND at_ms > ? - 604800000",
         &out->contests},
        {"SELECT count(*) FROM _act WHERE act = 'quota' AND at_ms > ? - 604800000", &out->quotas},
    };
    out->write_ahead = is_write_ahead(tx->db);
    out->page_size = number(tx, "PRAGMA page_size", 0, &status);
    out->synchronous = setting(tx, "PRAGMA synchronous = FULL", "PRAGMA synchronous");
    out->cell_size_check = setting(tx, "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check");
    out->secure_delete = number(tx, "PRAGMA secure_delete", 0, &status);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i].value = number(tx, all[i].sql, now_ms, &status);
    }
    return status;
}

static void read_deep(rove__hq_tx *tx, hq_inspection *out) {
    rove__lite_statement s = rove__lite_open(tx, "PRAGMA quick_check(1)");
    if (rove__lite_next(&s) && strcmp(rove__lite_text(&s, 0), "ok") != 0) {
        rove__text_format(out->damage, sizeof out->damage, "%s", rove__lite_text(&s, 0));
    }
    out->looked_deep = rove__lite_end(&s) == ROVE_OK;
}

static rove_status look(rove__hq_tx *tx, int deep, int64_t now_ms, hq_inspection *out,
                        rove_error *error) {
    rove_status status = rove__lite_check(tx, error);
    if (status == ROVE_OK) {
        status = read_content(tx, now_ms, out);
        if (status != ROVE_OK) {
            (void)rove__error_set(error, status, "%s: %.150s", DOING, sqlite3_errmsg(tx->db));
        }
    }
    if (deep && (status == ROVE_OK || status == ROVE_CORRUPT)) {
        tx->doomed = ROVE_OK;
        read_deep(tx, out);
    }
    return status;
}

/* Of one moment, also where another process writes. */
static rove_status ask(rove__hq_tx *tx, const hq_question *question) {
    rove__hq_directory directory;
    memset(&directory, 0, sizeof directory);
    rove__lite_fill_directory(&directory);
    int code = sqlite3_exec(tx->db, "BEGIN", NULL, NULL, NULL);
    rove_status status = rove__lite_status(tx->db, code, NULL, DOING);
    if (status == ROVE_OK) {
        status = question->ask(question->ctx, &directory, tx);
        (void)sqlite3_exec(tx->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

rove_status hq_sqlite_inspect(const rove_allocator *allocator, const char *path, int served,
                              int deep, int64_t now_ms, const hq_question *question,
                              hq_inspection *out) {
    rove__lite lite = {.allocator = *allocator};
    rove_error error = {.message = ""};
    *out = (hq_inspection){.database = ROVE_NOT_FOUND, .answered = ROVE_STATE};
    if (size_of(path, "") < 0) {
        return ROVE_OK;
    }
    rove__hq_tx *tx = rove__alloc_zeroed(allocator, 1, sizeof *tx);
    if (tx == NULL) {
        return ROVE_NOMEM;
    }
    tx->lite = &lite;
    tx->mode = ROVE_HQ_READ;
    rove__buf_init(&tx->scratch, allocator, ROVE_LITE_SCRATCH_MAX);
    rove__arena_init(&tx->arena, allocator, ROVE_LITE_SCRATCH_MAX);
    out->database = open_file(tx, path, served, &error);
    if (out->database == ROVE_OK) {
        out->database = look(tx, deep, now_ms, out, &error);
    }
    if (out->database == ROVE_OK && question != NULL) {
        out->answered = ask(tx, question);
    }
    rove__text_format(out->message, sizeof out->message, "%s",
                      out->database == ROVE_OK ? "" : error.message);
    rove__lite_disconnect(tx);
    return out->database == ROVE_NOMEM ? ROVE_NOMEM : ROVE_OK;
}
