/*
 * support/golden.h - databases that the build of a schema version left behind, as text in tests/golden.
 */
#ifndef ROVE_TESTS_GOLDEN_H
#define ROVE_TESTS_GOLDEN_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define GOLDEN_FILE_MAX ((size_t)1024 * 1024)

/* "hq", version 1, "-device": tests/golden/hq-1-device.sql */
static inline void golden_path(const char *of, unsigned version, const char *what, char *path,
                               size_t size) {
    const char *root = getenv("ROVE_SOURCE_DIR");

    snprintf(path, size, "%s/tests/golden/%s-%u%s.sql", root == NULL ? "." : root, of, version,
             what);
}

/* Makes the database in a folder; the folder too, if it is not there. */
static inline void golden_load(const char *golden, const char *folder, const char *name) {
    char path[1024];
    char *sql = malloc(GOLDEN_FILE_MAX);
    sqlite3 *db = NULL;
    FILE *file = fopen(golden, "r");

    if (file == NULL) {
        fail_msg("%s is missing; write it with --rewrite", golden);
    }
    assert_non_null(sql);
    size_t size = fread(sql, 1, GOLDEN_FILE_MAX - 1, file);
    assert_true(size > 0 && size < GOLDEN_FILE_MAX - 1);
    sql[size] = '\0';
    (void)fclose(file);
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    free(sql);
}

#endif
