/*
 * support/bureau.c - see bureau.h.
 */
#include "bureau_inside.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_clock(void *ctx, rove_clock_reading *reading) {
    const bureau *b = ctx;
    *reading = (rove_clock_reading){.wall_ms = b->now_ms, .boot_ms = b->now_ms};
}

bureau *bureau_new(const rove_allocator *allocator, const rove_files *files,
                   const rove_random *random, const char *folder, int64_t now_ms) {
    bureau *b = calloc(1, sizeof *b);

    if (b == NULL || rove_posix_crypto_new(&b->ports.crypto) != ROVE_OK) {
        abort();
    }
    b->folder = folder;
    b->now_ms = now_ms;
    b->ports.allocator = *allocator;
    b->ports.clock = (rove_clock){read_clock, b};
    b->ports.random = *random;
    b->ports.files = *files;
    b->ports.log = (rove_log){office_log, NULL, ROVE_LOG_DEBUG};
    return b;
}

void bureau_free(bureau *b) {
    bureau_close(b);
    rove_posix_crypto_free(&b->ports.crypto);
    free(b);
}

rove_status bureau_init(bureau *b, rove_error *error) {
    static const char *const hosts[] = {"localhost"};
    hq_init_options options = {.name = "Acme Field Sales",
                               .hosts = hosts,
                               .host_count = 1,
                               .currency = "EUR",
                               .timezone = "Europe/Paris",
                               .operator_name = "tester"};

    return hq_init(&b->ports, b->folder, &options, error);
}

rove_status bureau_open(bureau *b, rove_error *error) {
    return hq_open(&b->ports, b->folder, &b->hq, error);
}

int bureau_is_open(const bureau *b) {
    return b->hq != NULL;
}

void bureau_close(bureau *b) {
    drop_box_free(b->box);
    b->box = NULL;
    hq_close(b->hq);
    b->hq = NULL;
}

static hq_io io_of(bureau *b) {
    static char directory[512];
    hq_io io = said_io(&b->said);

    io.directory = getcwd(directory, sizeof directory);
    return io;
}

int bureau_run(bureau *b, int argc, char **argv) {
    const hq_command *command = hq_command_named(argv[0]);
    hq_io io = io_of(b);

    if (command == NULL) {
        abort();
    }
    return command->run(b->hq, &io, argc, argv);
}

const char *bureau_said(const bureau *b) {
    return b->said.out;
}

const char *bureau_complained(const bureau *b) {
    return b->said.err;
}

rove_status bureau_restore(bureau *b, const char *copy, int *replaced, rove_error *error) {
    hq_io io = io_of(b);
    hq_restored restored;

    rove_status status = hq_restore(&b->ports, b->folder, &io, copy, &restored, error);
    *replaced = restored.aside[0] != '\0';
    return status;
}
