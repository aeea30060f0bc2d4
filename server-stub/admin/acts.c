/*
 * admin/acts.c - rove-hq acts: the record of administrative acts, newest first, and whether it is as it was recorded.
 */
#include "admin/commands.h"

#include <string.h>

#include "admin/trail_command.h"
#include "args.h"
#include "base/stamp.h"
#include "print.h"

#define ACTS_DEFAULT 50
#define ACTS_MAX     1000000

typedef struct listing {
    hq *headquarters;
    const hq_io *io;
    int64_t left;
    json_t *array;
} listing;

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    listing *self = ctx;
    char at[ROVE_TIME_TEXT_SIZE];

    if (self->left-- == 0) {
        return ROVE_DONE;
    }
    if (self->io->json) {
        json_t *object =
            json_pack("{s:I, s:o, s:s, s:s, s:s, s:I}", "number", (json_int_t)act->number, "at",
                      hq_json_time(act->at_ms), "operator", act->operator_name, "act", act->act,
                      "detail", act->detail, "seq", (json_int_t)act->seq);
        return json_array_append_new(self->array, object) == 0 ? ROVE_OK : ROVE_NOMEM;
    }
    rove__time_format(act->at_ms, at);
    hq_print(self->io, "%s  %-12s %-12s %s\n", at,
             act->operator_name[0] == '\0' ? "(itself)" : act->operator_name, act->act,
             act->detail);
    return ROVE_OK;
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;

    (void)error;
    return hq_database(self->headquarters)->directory.act_scan(tx, each_act, self);
}

static int run_acts(hq *headquarters, const hq_io *io, int argc, char **argv) {
    listing self = {.headquarters = headquarters, .io = io, .left = ACTS_DEFAULT};
    const char *limit = NULL;
    const char *noted = NULL;
    const hq_option table[] = {
        {"--limit", &limit, NULL}, {"--expect", &noted, NULL}, {NULL, NULL, NULL}};
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_acts, table, argc, argv, 0, 1, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (count == 1 && strcmp(argv[1], "verify") == 0 && limit == NULL) {
        return acts_verify(headquarters, io, noted);
    }
    if (count == 1 || noted != NULL) {
        return hq_usage(io, &hq_command_acts, "acts, or acts verify");
    }
    if (limit != NULL && !hq_number(limit, 1, ACTS_MAX, &self.left)) {
        return hq_usage(io, &hq_command_acts, "--limit takes a number from 1");
    }
    self.array = json_array();
    rove_status status = hq_read(headquarters, list, &self, &error);
    if (status == ROVE_OK && io->json) {
        return hq_print_json(io, self.array);
    }
    json_decref(self.array);
    return status == ROVE_OK ? HQ_EXIT_DONE : hq_failed(io, status, &error);
}

const hq_command hq_command_acts = {
    .name = "acts",
    .usage = "[--limit N] | verify [--expect NUMBER:HASH]",
    .summary = "what operators did, newest first; whether the record was changed",
    .help = "Every command that changes something is recorded, with the operator's name; exports "
            "are too.\n"
            "The last 50, or --limit. What reps changed is in the history of each record.\n\n"
            "Each entry is sealed by a hash that goes on from the one before, and signed with the "
            "server's\n"
            "key. verify goes through all of them and names the first that was changed, removed, "
            "added, moved\n"
            "or cut off (exit code 1). Note down what it gives, somewhere else, and give it to "
            "--expect later:\n"
            "then a record that was put back as a whole is seen too.\n\n"
            "    rove-hq acts --limit 10\n    rove-hq acts verify\n",
    .run = run_acts};
