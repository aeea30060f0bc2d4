/*
 * assign/command_plans.c - rove-hq plans: acts for later, listed and cancelled.
 */
#include <string.h>

#include "admin/commands.h"
#include "args.h"
#include "assign/plan.h"
#include "base/text.h"
#include "print.h"

#define ARENA_MAX  ((size_t)256 * 1024)
#define DETAIL_MAX 80

static const char *state_name(rove__hq_plan_state state) {
    static const char *const names[] = {"waits", "runs", "done", "cancelled", "failed"};

    return names[state];
}

/* ---- list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    hq *headquarters;
    const hq_io *io;
    json_t *array;
    rove__arena arena;
    int all;
    int any;
} listing;

/* The command as one would type it. */
static rove_status add_words(const rove__hq_plan *plan, rove__buf *text) {
    const char *at = (const char *)plan->words.data;

    for (size_t i = 0; i < plan->words.size; i += strlen(at + i) + 1) {
        if (i > 0) {
            rove__buf_byte(text, ' ');
        }
        rove__buf_append(text, at + i, strlen(at + i));
    }
    rove__buf_byte(text, 0);
    return rove__buf_status(text);
}

static rove_status show(listing *self, const rove__hq_plan *plan, const char *words) {
    char due[ROVE_TIME_TEXT_SIZE];

    self->any = 1;
    if (self->io->json) {
        json_t *object = json_pack("{s:I, s:o, s:s, s:s, s:s, s:o, s:o, s:s}", "number",
                                   (json_int_t)plan->number, "due", hq_json_time(plan->due_ms),
                                   "state", state_name(plan->state), "command", words, "operator",
                                   plan->operator_name, "planned", hq_json_time(plan->made_ms),
                                   "ended", hq_json_time(plan->ended_ms), "detail", plan->detail);
        return json_array_append_new(self->array, object) == 0 ? ROVE_OK : ROVE_NOMEM;
    }
    rove__time_format(plan->due_ms, due);
    hq_print(self->io, "%4lld  %s  %-9s  %s  (%s)\n", (long long)plan->number, due,
             state_name(plan->state), words, plan->operator_name);
    if (plan->detail[0] != '\0') {
        hq_print(self->io, "      %s\n", plan->detail);
    }
    return ROVE_OK;
}

static rove_status each_plan(void *ctx, const rove__hq_plan *plan) {
    listing *self = ctx;
    int open = plan->state != ROVE_PLAN_DONE && plan->state != ROVE_PLAN_CANCELLED;
    rove__buf words;

    if (!open && !self->all) {
        return ROVE_OK;
    }
    rove__buf_init(&words, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = add_words(plan, &words);
    if (status == ROVE_OK) {
        status = show(self, plan, (const char *)words.data);
    }
    rove__buf_free(&words);
    return status;
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;

    (void)error;
    return hq_database(self->headquarters)->directory.plan_scan(tx, &self->arena, each_plan, self);
}

static int run_list(hq *headquarters, const hq_io *io, int all) {
    listing self = {.headquarters = headquarters, .io = io, .array = json_array(), .all = all};
    rove_error error = {.code = 0};

    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_read(headquarters, list, &self, &error);
    int result = status != ROVE_OK ? hq_failed(io, status, &error)
                 : io->json        ? hq_print_json(io, json_incref(self.array))
                                   : HQ_EXIT_DONE;
    if (result == HQ_EXIT_DONE && !io->json && !self.any) {
        hq_print(io, "Nothing is planned.\n");
    }
    json_decref(self.array);
    rove__arena_free(&self.arena);
    return result;
}

/* ---- cancel --------------------------------------------------------------------------------------------- */

typedef struct cancelling {
    hq *headquarters;
    const hq_io *io;
    int64_t number;
    rove__hq_plan plan;
    int found;
} cancelling;

static rove_status each_wanted(void *ctx, const rove__hq_plan *plan) {
    cancelling *self = ctx;

    if (plan->number != self->number) {
        return ROVE_OK;
    }
    self->plan = *plan;
    self->found = 1;
    return ROVE_DONE;
}

static rove_status cancel_found(cancelling *self, rove__hq_tx *tx, rove_error *error) {
    char detail[DETAIL_MAX];

    if (!self->found) {
        return rove__error_set(error, ROVE_NOT_FOUND, "There is no plan %lld.",
                               (long long)self->number);
    }
    if (self->plan.state != ROVE_PLAN_WAITS && self->plan.state != ROVE_PLAN_FAILED) {
        return rove__error_set(error, ROVE_STATE, "Plan %lld is %s already.",
                               (long long)self->number,
                               self->plan.state == ROVE_PLAN_RUNS ? "being carried out"
                                                                  : state_name(self->plan.state));
    }
    self->plan.state = ROVE_PLAN_CANCELLED;
    self->plan.ended_ms = hq_now_ms(self->headquarters);
    rove_status status = hq_database(self->headquarters)->directory.plan_put(tx, &self->plan);
    rove__text_format(detail, sizeof detail, "cancelled %lld", (long long)self->number);
    return status == ROVE_OK ? hq_record(self->headquarters, tx, self->io, "plans", detail, 0)
                             : status;
}

static rove_status cancel(void *ctx, rove__hq_tx *tx, rove_error *error) {
    cancelling *self = ctx;
    rove__arena arena;

    self->found = 0;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)->directory.plan_scan(tx, &arena, each_wanted, self);
    if (status == ROVE_OK) {
        status = cancel_found(self, tx, error);
    }
    rove__arena_free(&arena);
    return status;
}

static int run_cancel(hq *headquarters, const hq_io *io, const char *number) {
    cancelling self = {.headquarters = headquarters, .io = io};
    rove_error error = {.code = 0};

    if (!hq_number(number, 1, INT64_MAX, &self.number)) {
        return hq_usage(io, &hq_command_plans, "cancel takes the number of a plan");
    }
    rove_status status = hq_commit(headquarters, cancel, &self, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    if (io->json) {
        return hq_print_json(io, json_pack("{s:I, s:s}", "number", (json_int_t)self.number, "state",
                                           state_name(ROVE_PLAN_CANCELLED)));
    }
    hq_print(io, "Plan %lld is cancelled.\n", (long long)self.number);
    return HQ_EXIT_DONE;
}

static int run_plans(hq *headquarters, const hq_io *io, int argc, char **argv) {
    int all = 0;
    const hq_option table[] = {{"--all", NULL, &all}, {NULL, NULL, NULL}};
    int count = 0;
    int result = hq_arguments(io, &hq_command_plans, table, argc, argv, 0, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        return run_list(headquarters, io, all);
    }
    if (count == 2 && strcmp(argv[1], "cancel") == 0) {
        return run_cancel(headquarters, io, argv[2]);
    }
    return hq_usage(io, &hq_command_plans, "list, or cancel and a number");
}

const hq_command hq_command_plans = {
    .name = "plans",
    .usage = "[list] [--all] | cancel NUMBER",
    .summary = "what assign, unassign and reassign are to do later",
    .help =
        "What was given with --effective waits here. The serving process carries it out when it "
        "is\n"
        "due, or as soon as it serves again, in the name of who planned it; whom it concerns is "
        "found\n"
        "out then. One that failed stays in the list until it is cancelled; --all shows those that "
        "are\n"
        "done, too.\n\n"
        "    rove-hq reassign --from pamela0 --to tete0 --effective 2026-02-01\n"
        "    rove-hq plans\n"
        "    rove-hq plans cancel 3\n",
    .run = run_plans};
