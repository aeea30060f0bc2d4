/*
 * admin/review.c - rove-hq review: work that came in when its author was no longer entitled to the record. It waits here,
 * whole, until an operator accepts or returns it.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "args.h"
#include "base/text.h"
#include "print.h"
#include "sync/judge.h"

#define ARENA_MAX  ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX 100

typedef struct reviewing {
    hq *headquarters;
    const hq_io *io;
    rove__hq_tx *tx;
    int64_t number;
    int accept;
    uint64_t listed;
    json_t *array;
} reviewing;

/* ---- list ----------------------------------------------------------------------------------------------- */

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    reviewing *self = ctx;
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), review->entity);
    const char *name = entity == NULL ? "?" : entity->name;
    hq_person person = {.id = 0};
    char id[24];
    rove_status status = hq_get_person(self->headquarters, self->tx, review->user, &person, NULL);

    if (status == ROVE_NOT_FOUND) {
        rove__text_format(person.name, sizeof person.name, "(deleted user)");
    } else if (status != ROVE_OK) {
        return status;
    }
    self->listed++;
    if (!self->io->json) {
        hq_print(self->io, "%6lld  %-18s %-20lld %-20s %s\n", (long long)review->number, name,
                 (long long)review->id, person.name, review->reason);
        return ROVE_OK;
    }
    rove__text_format(id, sizeof id, "%lld", (long long)review->id);
    json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:I}", "number",
                               (json_int_t)review->number, "entity", name, "id", id, "by",
                               person.name, "replica", (json_int_t)review->replica, "reason",
                               review->reason, "seq", (json_int_t)review->seq);
    return json_array_append_new(self->array, object) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reviewing *self = ctx;
    rove__arena arena;

    (void)error;
    self->tx = tx;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)->store.review_scan(tx, 0, &arena, each_review, self);
    rove__arena_free(&arena);
    return status;
}

static int run_list(reviewing *self) {
    rove_error error = {.code = 0};

    self->array = json_array();
    rove_status status = hq_read(self->headquarters, list, self, &error);
    if (status == ROVE_OK && self->io->json) {
        return hq_print_json(self->io, self->array);
    }
    json_decref(self->array);
    if (status == ROVE_OK && self->listed == 0) {
        hq_complain(self->io, "Nothing waits for review.\n");
    }
    return status == ROVE_OK ? HQ_EXIT_DONE : hq_failed(self->io, status, &error);
}

/* ---- decide --------------------------------------------------------------------------------------------- */

static rove_status decide(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const reviewing *self = ctx;
    rove__server_ports ports = hq_server_ports(self->headquarters);
    char detail[DETAIL_MAX];
    uint64_t seq = 0;
    rove_status status =
        rove__judge_decide(&ports, tx, self->number, self->accept, self->io->operator_name,
                           hq_now_ms(self->headquarters), &seq, error);

    if (status == ROVE_NOT_FOUND && error != NULL &&
        strcmp(error->message, rove_status_text(status)) == 0) {
        return rove__error_set(error, status, "Nothing with the number %lld waits for review.",
                               (long long)self->number);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(detail, sizeof detail, "%s %lld", self->accept ? "accepted" : "returned",
                      (long long)self->number);
    return hq_record(self->headquarters, tx, self->io, "review", detail, seq);
}

static int run_decide(reviewing *self) {
    const char *done = self->accept ? "accepted" : "returned";
    rove_error error = {.code = 0};
    rove_status status = hq_commit(self->headquarters, decide, self, &error);

    if (status != ROVE_OK) {
        return hq_failed(self->io, status, &error);
    }
    if (self->io->json) {
        return hq_print_json(self->io, json_pack("{s:I, s:s}", "number", (json_int_t)self->number,
                                                 "decision", done));
    }
    hq_print(self->io, "%lld: %s\n", (long long)self->number, done);
    return HQ_EXIT_DONE;
}

static int run_review(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    reviewing self = {.headquarters = headquarters, .io = io};
    int count = 0;
    int result = hq_arguments(io, &hq_command_review, table, argc, argv, 0, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        return run_list(&self);
    }
    self.accept = strcmp(argv[1], "accept") == 0;
    if (count != 2 || (!self.accept && strcmp(argv[1], "return") != 0) ||
        !hq_number(argv[2], 1, INT64_MAX, &self.number)) {
        return hq_usage(io, &hq_command_review, "list, accept NUMBER, or return NUMBER");
    }
    return run_decide(&self);
}

const hq_command hq_command_review = {
    .name = "review",
    .usage = "[list] | accept NUMBER | return NUMBER",
    .summary = "decide on work whose author was no longer entitled to the record",
    .help = "A rep who works without a network may lose a record meanwhile. What he changed in it "
            "afterwards\n"
            "waits here, whole. accept takes it as if he had been entitled, with the usual rules "
            "where\n"
            "others changed the same field; return leaves the record as it is and keeps the work "
            "on file.\n\n"
            "    rove-hq review\n"
            "    rove-hq review accept 3\n",
    .run = run_review};
