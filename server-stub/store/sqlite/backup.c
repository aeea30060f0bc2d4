/*
 * store/sqlite/backup.c - a copy of the database while work goes on, and a copy that takes the database's place.
 *
 * Both are made by VACUUM INTO: one snapshot, whole or not at all, and synced to the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite/lite.h"

#define NAME_MAX_BYTES 4096

static rove_status copy_to(sqlite3 *db, const char *path, const char *doing, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    rove_status status = rove__lite_status(db, code, error, doing);
    sqlite3_finalize(statement);
    return status;
}

/* Names in the file's folder are on the disk from now on. */
static rove_status sync_folder(const char *path, rove_error *error) {
    char folder[NAME_MAX_BYTES];

    rove__text_format(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[slash == folder] = '\0';
    }
    int descriptor = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: this file system keeps no folder that could be synced. ENOENT: SQLite's is not the system's, as in the simulator. */
    int failed = descriptor < 0 || fsync(descriptor) != 0 ? errno : 0;
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return failed == 0 || failed == EINVAL || failed == ENOENT
               ? ROVE_OK
               : rove__error_set(error, ROVE_IO, "The folder of %.200s cannot be synced: %s.", path,
                                 strerror(failed));
}

/* ---- backup --------------------------------------------------------------------------------------------- */

/* The head is read before the copy begins, so that the copy covers it. */
static rove_status read_seq(rove__lite *lite, uint64_t *seq, rove_error *error) {
    const rove__hq_store *store = &lite->database.store;
    rove__hq_tx *tx = NULL;
    rove__hq_head head = {.seq = 0};

    rove_status status = store->begin(lite, ROVE_HQ_READ, &tx, error);
    if (status == ROVE_OK) {
        status = store->head_get(tx, &head);
        store->rollback(tx);
    }
    *seq = head.seq;
    return status;
}

/* SQLite writes into an empty file. Of two backups of one name the second finds it, and does not remove it when it fails. */
static rove_status take_name(const char *path, rove_error *error) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (descriptor < 0 && errno == EEXIST) {
        return rove__error_set(error, ROVE_EXISTS, "The backup's file is there already.");
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return ROVE_OK; /* what else there may be in its way SQLite says */
}

rove_status rove__lite_backup(rove__hq_database *database, const char *path, uint64_t *seq,
                              rove_error *error) {
    static const char doing[] = "Writing the backup";
    rove__lite *lite = (rove__lite *)database;
    rove__hq_tx *tx = NULL;
    uint64_t covered = 0;

    *seq = 0;
    rove_status status = take_name(path, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = read_seq(lite, &covered, error);
    if (status == ROVE_OK) {
        status = rove__lite_connect(lite, ROVE_HQ_READ, &tx, error);
    }
    if (status == ROVE_OK) {
        int code = sqlite3_exec(tx->db, "PRAGMA query_only = OFF", NULL, NULL, NULL);
        status = rove__lite_status(tx->db, code, error, doing);
    }
    if (status == ROVE_OK) {
        status = copy_to(tx->db, path, doing, error);
    }
    rove__lite_disconnect(tx);
    if (status == ROVE_OK) {
        status = sync_folder(path, error); /* SQLite's journal of it is gone for good */
    }
    if (status != ROVE_OK) {
        (void)unlink(path);
    }
    *seq = status == ROVE_OK ? covered : 0;
    return status;
}

/* ---- restore -------------------------------------------------------------------------------------------- */

/* The code that a check of the pages met, which it tells in words; 0: none. */
static int code_in(const char *text) {
    static const char words[] = "error code=";
    const char *at = strstr(text, words);

    return at == NULL ? SQLITE_OK : (int)strtol(at + sizeof words - 1, NULL, 10);
}

/*
 * *same: the statement's first column, of its first row, is this text. A file that is no database of ours gives another text,
 * or none; a status other than OK: it could not be read.
 */
static rove_status answers(sqlite3 *db, const char *sql, const char *wanted, int *same,
                           rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    *same = 0;
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        *same = text != NULL && strcmp(text, wanted) == 0;
        code = text == NULL ? SQLITE_NOMEM : code_in(text);
    }
    sqlite3_finalize(statement);
    int primary = code & 0xff;
    int other = primary == SQLITE_ERROR || primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT;
    return other ? ROVE_OK : rove__lite_status(db, code, error, "Reading the backup");
}

/* Nothing is replaced by what is no whole headquarters. */
static rove_status check_copy(sqlite3 *db, rove_error *error) {
    int is_ours = 0;
    int is_whole = 0;

    rove_status status =
        answers(db, "SELECT count(*) FROM _head WHERE timeline <> 0", "1", &is_ours, error);
    if (status == ROVE_OK && !is_ours) {
        return rove__error_set(error, ROVE_CORRUPT,
                               "The file is no backup of a headquarters. Nothing was changed.");
    }
    if (status == ROVE_OK) {
        status = answers(db, "PRAGMA integrity_check(1)", "ok", &is_whole, error);
    }
    if (status == ROVE_OK && !is_whole) {
        return rove__error_set(error, ROVE_CORRUPT,
                               "The backup is damaged. Take an older one; nothing was changed.");
    }
    return status;
}

static rove_status check_and_copy(const char *copy, const char *fresh, rove_error *error) {
    static const char doing[] = "Reading the backup";
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(copy, &db, SQLITE_OPEN_READONLY, NULL);

    rove_status status = rove__lite_status(db, code, error, doing);
    if (status == ROVE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        status = check_copy(db, error);
    }
    if (status == ROVE_OK) {
        (void)unlink(fresh); /* of a restore that was cut short */
        status = copy_to(db, fresh, "Copying the backup", error);
        if (status != ROVE_OK) {
            (void)unlink(fresh);
        }
    }
    (void)sqlite3_close(db);
    return status;
}

/* Brings what is in the log into the file, so that it can be put aside in one piece. A damaged one stays as it is. */
static void drain_log(const char *path) {
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        (void)sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    }
    (void)sqlite3_close(db);
}

/* Renames a file and what SQLite keeps beside it. ROVE_OK if there is none. */
static rove_status put_aside(const char *path, const char *aside, rove_error *error) {
    static const char *const suffixes[] = {"-wal", "-shm", ""};
    char from[NAME_MAX_BYTES];
    char to[NAME_MAX_BYTES];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        rove__text_format(from, sizeof from, "%s%s", path, suffixes[i]);
        rove__text_format(to, sizeof to, "%s%s", aside, suffixes[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            return rove__error_set(error, ROVE_IO, "The present database cannot be put aside: %s.",
                                   strerror(errno));
        }
    }
    return ROVE_OK;
}

rove_status rove__hq_sqlite_restore(const char *copy, const char *path, const char *aside,
                                    rove_error *error) {
    char fresh[NAME_MAX_BYTES];

    if (strlen(path) + sizeof "-restored-wal" > sizeof fresh ||
        strlen(aside) + sizeof "-wal" > sizeof fresh) {
        return rove__error_set(error, ROVE_TOO_BIG, "The folder's path is too long.");
    }
    rove__text_format(fresh, sizeof fresh, "%s-restored", path);
    rove_status status = check_and_copy(copy, fresh, error);
    if (status == ROVE_OK) {
        drain_log(path);
        status = put_aside(path, aside, error);
        if (status == ROVE_OK && rename(fresh, path) != 0) {
            status = rove__error_set(error, ROVE_IO, "The backup cannot take its place: %s.",
                                     strerror(errno));
        }
        if (status != ROVE_OK) {
            (void)put_aside(aside, path, NULL); /* back again */
        }
    }
    if (status == ROVE_OK) {
        (void)!sync_folder(path, NULL);
    }
    return status;
}
