/*
 * export.c - the commands `rove export` and `rove open-export`: records as lines of JSON in a file, sealed with the replica's key
 * unless told otherwise. Neither keeps more than a record of it in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli.h"

/* Where the lines go: through a seal, or as they are. */
typedef struct target {
    int fd;
    rove_export *sealed; /* NULL: as they are */
    json_int_t rows;
} target;

/* ---- files ---- */

static rove_status write_file(void *ctx, const void *bytes, size_t size, rove_error *error) {
    const int *fd = ctx;
    const char *at = bytes;

    while (size > 0) {
        ssize_t wrote = write(*fd, at, size);
        if (wrote < 0 && errno != EINTR) {
            return rove__error_set(error, errno == ENOSPC ? ROVE_FULL : ROVE_IO, "Writing: %s",
                                   strerror(errno));
        }
        at += wrote > 0 ? wrote : 0;
        size -= wrote > 0 ? (size_t)wrote : 0;
    }
    return ROVE_OK;
}

static rove_status read_file(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error) {
    const int *fd = ctx;
    size_t got = 0;

    while (got < size) {
        ssize_t more = pread(*fd, (char *)bytes + got, size - got, (off_t)(at + got));
        if (more == 0 || (more < 0 && errno != EINTR)) {
            return rove__error_set(error, ROVE_IO, "Reading: %s",
                                   more == 0 ? "the file became shorter" : strerror(errno));
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return ROVE_OK;
}

static rove_status open_file(const char *path, int flags, int *fd, rove_error *error) {
    *fd = open(path, flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (*fd >= 0) {
        return ROVE_OK;
    }
    return rove__error_set(error,
                           errno == EEXIST   ? ROVE_EXISTS
                           : errno == ENOENT ? ROVE_NOT_FOUND
                                             : ROVE_IO,
                           "%.200s: %s", path, strerror(errno));
}

/* ---- writing ---- */

static rove_status put(target *to, const char *bytes, size_t size, rove_error *error) {
    return to->sealed != NULL ? rove_export_write(to->sealed, bytes, size, error)
                              : write_file(&to->fd, bytes, size, error);
}

static rove_status put_line(target *to, json_t *row, rove_error *error) {
    char *line = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    rove_status status = line != NULL ? put(to, line, strlen(line), error) : ROVE_NOMEM;

    if (status == ROVE_OK) {
        status = put(to, "\n", 1, error);
        to->rows++;
    }
    free(line);
    json_decref(row);
    return status;
}

/* `entity` NULL: rows of a query, as they are stored. */
static rove_status put_rows(cli_session *cli, const char *entity, const char *sql, target *to,
                            rove_error *error) {
    rove_query *query = NULL;
    rove_status status = rove_query_new(cli->replica, sql, NULL, 0, &query, error);

    while (status == ROVE_OK && (status = rove_query_step(query, error)) == ROVE_OK) {
        json_t *row = entity != NULL ? cli_record(cli, entity, query) : cli_row(cli, NULL, query);
        if (entity != NULL) {
            (void)json_object_set_new(row, "entity", json_string(entity));
        }
        status = put_line(to, row, error);
    }
    rove_query_free(query);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status put_records(cli_session *cli, target *to, rove_error *error) {
    size_t count = rove_entity_count(cli->replica);
    rove_status status = ROVE_OK;

    for (size_t i = 0; status == ROVE_OK && i < count; i++) {
        char sql[128];
        const char *table = NULL;
        const char *entity = rove_entity_name(cli->replica, i);
        status = rove_entity_table(cli->replica, entity, &table);
        if (status == ROVE_OK) {
            /* The table's name is one of the registry's. */
            (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY id", table);
            status = put_rows(cli, entity, sql, to, error);
        }
    }
    return status;
}

static rove_status fill(cli_session *cli, const char *sql, int readable, target *to,
                        rove_error *error) {
    const rove_sink sink = {write_file, &to->fd};
    rove_status status =
        readable ? ROVE_OK : rove_export_new(cli->replica, &sink, &to->sealed, error);

    if (status == ROVE_OK) {
        status = sql != NULL ? put_rows(cli, NULL, sql, to, error) : put_records(cli, to, error);
    }
    if (status == ROVE_OK && !readable) {
        status = rove_export_end(to->sealed, error);
    }
    rove_export_free(to->sealed);
    if (status == ROVE_OK && fsync(to->fd) != 0) {
        status = rove__error_set(error, ROVE_IO, "Writing: %s", strerror(errno));
    }
    return status;
}

static int run_export(cli_session *cli, int argc, char **argv) {
    int readable = cli_flag(&argc, argv, "--readable");
    target to = {.fd = -1};
    rove_error error = {0};

    if (argc < 2 || argc > 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_export,
                         "name a file, and at most one SELECT in quotes.");
    }
    rove_status status = open_file(argv[1], O_WRONLY | O_CREAT | O_EXCL, &to.fd, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    status = fill(cli, argc == 3 ? argv[2] : NULL, readable, &to, &error);
    (void)close(to.fd);
    if (status != ROVE_OK) {
        (void)unlink(argv[1]); /* half of it is of no use */
        return cli_fail(cli, status, &error);
    }
    if (!cli->json) {
        printf("%lld lines, %s.\n", (long long)to.rows,
               readable ? "readable by anybody" : "sealed: read them with `rove open-export`");
    }
    return cli_done(cli, json_pack("{s:I, s:b}", "lines", to.rows, "sealed", !readable));
}

const cli_command cli_command_export = {
    .name = "export",
    .usage = "FILE [\"SELECT ...\"] [--readable]",
    .summary = "records, or the rows of a query, into a sealed file",
    .help =
        "Writes a line of JSON for every record that the replica holds, or for every row of a "
        "query, into\n"
        "a new file. It is sealed with the replica's key: this replica alone reads it, and "
        "notices if it\n"
        "was changed or cut. After `rove key replace` it is not read any more. --readable "
        "leaves out\n"
        "the seal: whoever has the file can read it then. Elements of sets lie in tables of their "
        "own: name\n"
        "them in a query.\n\n"
        "    rove export friday.rove\n"
        "    rove export visits.rove \"SELECT id, planned_start, purpose FROM visit\"\n"
        "    rove open-export visits.rove",
    .run = run_export,
};

/* ---- reading ---- */

static int run_open_export(cli_session *cli, int argc, char **argv) {
    int fd = -1;
    int out = STDOUT_FILENO;
    struct stat info;
    rove_error error = {0};

    if (argc != 2 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_open_export, "name a file.");
    }
    rove_status status = open_file(argv[1], O_RDONLY, &fd, &error);
    if (status == ROVE_OK && fstat(fd, &info) != 0) {
        status = rove__error_set(&error, ROVE_IO, "%.200s: %s", argv[1], strerror(errno));
    }
    if (status == ROVE_OK) {
        const rove_source from = {(uint64_t)info.st_size, read_file, &fd};
        const rove_sink to = {write_file, &out};
        status = rove_export_open(cli->replica, &from, &to, &error);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status == ROVE_OK ? CLI_DONE : cli_fail(cli, status, &error);
}

const cli_command cli_command_open_export = {
    .name = "open-export",
    .usage = "FILE",
    .summary = "what `rove export` sealed",
    .help = "Prints the lines of a sealed file. One that was damaged, cut or put together from "
            "others is refused\n"
            "(CORRUPT); should the damage lie in the middle, after what stands before it. "
            "WRONG_KEY: another\n"
            "replica wrote it, or this one before its key was replaced.\n\n"
            "    rove open-export visits.rove > visits.json",
    .run = run_open_export,
};
