/*
 * admin/backup.c - rove-hq backup: a copy of the database while work goes on. Devices keep what they sent since the last
 * backup, so that after a restore nothing is lost.
 */
#include "admin/commands.h"
#include "args.h"
#include "base/alloc.h"
#include "base/text.h"
#include "print.h"

#define DETAIL_MAX 400

typedef struct saving {
    hq *headquarters;
    const hq_io *io;
    const char *name;
    uint64_t seq; /* all up to it is in the copy */
} saving;

/* Only now that the copy is whole: what is before its head need not be kept on devices any longer (D9). */
static rove_status record_backup(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const saving *self = ctx;
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove__hq_head head;
    char detail[DETAIL_MAX];

    (void)error;
    rove_status status = store->head_get(tx, &head);
    if (status == ROVE_OK && self->seq > head.safe) {
        head.safe = self->seq;
        status = store->head_put(tx, &head);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(detail, sizeof detail, "%.300s, up to head %llu", self->name,
                      (unsigned long long)self->seq);
    return hq_record(self->headquarters, tx, self->io, "backup", detail, 0);
}

static int run_backup(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    saving self = {.headquarters = headquarters, .io = io};
    rove__hq_database *database = hq_database(headquarters);
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_backup, table, argc, argv, 1, 1, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.name = argv[1];
    char *path = hq_path(headquarters, io, self.name);
    if (path == NULL) {
        return hq_failed(io, ROVE_NOMEM, NULL);
    }
    rove_status status = database->backup(database, path, &self.seq, &error);
    rove__free(&hq_get_ports(headquarters)->allocator, path);
    if (status == ROVE_OK) {
        status = hq_commit(headquarters, record_backup, &self, &error);
    }
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    if (io->json) {
        return hq_print_json(
            io, json_pack("{s:s, s:I}", "file", self.name, "head", (json_int_t)self.seq));
    }
    hq_print(io, "%s: all up to head %llu\n", self.name, (unsigned long long)self.seq);
    return HQ_EXIT_DONE;
}

const hq_command hq_command_backup = {
    .name = "backup",
    .usage = "FILE",
    .summary = "copy the database while work goes on",
    .help =
        "Writes one consistent copy to a new file. Keys are not in it: keep ca.key, ca.der, "
        "server.key,\n"
        "server.der and seal.key of the folder as well, and again when one of them was replaced, "
        "in a "
        "safe place.\n\n"
        "`rove-hq restore` puts it back. Devices notice, and send again what the copy lacks.\n\n"
        "    rove-hq backup /backup/hq-2026-11-23.db\n",
    .run = run_backup};
