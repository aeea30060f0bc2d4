/*
 * admin/acts.c - rove-hq acts: the record of administrative acts, newest first.
 */
#include "admin/commands.h"
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
    const hq_option table[] = {{"--limit", &limit, NULL}, {NULL, NULL, NULL}};
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_acts, table, argc, argv, 0, 0, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
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
    .usage = "[--limit N]",
    .summary = "what operators did, newest first",
    .help = "Every command that changes something is recorded, with the operator's name; exports "
            "are too.\n"
            "The last 50, or --limit. What reps changed is in the history of each record.\n\n"
            "    rove-hq acts --limit 10\n",
    .run = run_acts};
