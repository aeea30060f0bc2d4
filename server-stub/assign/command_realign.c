/*
 * assign/command_realign.c - rove-hq reassign, and assign --by-territory.
 */
#include "assign/command_realign.h"

#include <string.h>

#include "admin/commands.h"
#include "admin/people.h"
#include "admin/value_text.h"
#include "args.h"
#include "assign/assign.h"
#include "assign/realign.h"
#include "base/text.h"
#include "print.h"

#define DETAIL_MAX 400

typedef struct realignment {
    realign_request *request;
    const rove__entity *only;
    rove_id territory;
    int64_t day;
    int64_t due_ms;
    hq_person from, to;
    realign_list list;
    realign_stuck stuck;
} realignment;

/* ---- what is meant -------------------------------------------------------------------------------------- */

static rove_status gather_user(realignment *self, rove__hq_tx *tx, rove_error *error) {
    const realign_request *request = self->request;
    realign_filter filter = {.entity = self->only};
    rove_status status =
        hq_find_person(request->headquarters, tx, request->from, &self->from, error);

    if (status == ROVE_OK) {
        status = hq_find_person(request->headquarters, tx, request->to, &self->to, error);
    }
    if (status == ROVE_OK && self->from.id == self->to.id) {
        return rove__error_set(error, ROVE_INVALID, "--from and --to are the same user.");
    }
    if (status == ROVE_OK) {
        status = hq_check_receives(&self->to, error);
    }
    if (status == ROVE_OK) {
        status = assign_find_territory(request->headquarters, tx, request->territory,
                                       &filter.territory, error);
    }
    return status == ROVE_OK ? realign_add_user(&self->list, request->headquarters, tx,
                                                self->from.id, self->to.id, &filter)
                             : status;
}

static rove_status gather(void *ctx, rove__hq_tx *tx, rove_error *error) {
    realignment *self = ctx;
    const realign_request *request = self->request;
    rove_status status =
        assign_find_entity(request->headquarters, request->entity, &self->only, error);

    if (status != ROVE_OK) {
        return status;
    }
    return request->from != NULL ? gather_user(self, tx, error)
                                 : realign_add_territories(&self->list, request->headquarters, tx,
                                                           self->day, self->only, &self->stuck);
}

/* The day of --by-territory: --as-of, else that on which it is done. */
static rove_status read_day(realignment *self, rove_error *error) {
    const realign_request *request = self->request;
    int64_t ms = self->due_ms != 0 ? self->due_ms : hq_now_ms(request->headquarters);

    if (request->as_of != NULL &&
        value_text_instant(request->as_of, strlen(request->as_of), &ms) != ROVE_OK) {
        return rove__error_set(error, ROVE_INVALID,
                               "--as-of takes a date like 2026-01-31, not '%.60s'.",
                               request->as_of);
    }
    self->day = territory_day(ms);
    return ROVE_OK;
}

/* ---- now, or later -------------------------------------------------------------------------------------- */

static void detail_of(const realignment *self, char *detail) {
    const realign_request *request = self->request;
    char day[ROVE_TIME_TEXT_SIZE];

    if (request->from != NULL) {
        rove__text_format(detail, DETAIL_MAX, "%s to %s%s%s%s%s: %zu records", self->from.name,
                          self->to.name, request->territory == NULL ? "" : ", territory ",
                          request->territory == NULL ? "" : request->territory,
                          self->only == NULL ? "" : ", ",
                          self->only == NULL ? "" : self->only->name, self->list.count);
        return;
    }
    rove__time_format(self->day * INT64_C(86400000), day);
    rove__text_format(detail, DETAIL_MAX, "by territory, as of %.10s%s%s: %zu records", day,
                      self->only == NULL ? "" : ", ", self->only == NULL ? "" : self->only->name,
                      self->list.count);
}

static int report_json(const realignment *self, const handover_count *count) {
    return hq_print_json(
        self->request->io,
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "records",
                  (json_int_t)self->list.count, "accounts", (json_int_t)count->accounts, "leads",
                  (json_int_t)count->leads, "contacts", (json_int_t)count->contacts, "tasks",
                  (json_int_t)count->tasks, "visits", (json_int_t)count->visits,
                  "without_successor", (json_int_t)self->stuck.nobody, "several_successors",
                  (json_int_t)self->stuck.several, "dry_run", self->request->dry_run));
}

static int report(const realignment *self, const handover_count *count) {
    const hq_io *io = self->request->io;

    if (io->json) {
        return report_json(self, count);
    }
    if (self->request->from != NULL) {
        hq_print(io, "%s to %s: ", self->from.name, self->to.name);
    } else {
        hq_print(io, "By territory: ");
    }
    hq_print(io,
             "%llu accounts, %llu leads, %llu contacts, %llu open tasks, %llu planned visits%s\n",
             (unsigned long long)count->accounts, (unsigned long long)count->leads,
             (unsigned long long)count->contacts, (unsigned long long)count->tasks,
             (unsigned long long)count->visits,
             self->request->dry_run ? " (a dry run: nothing was changed)" : "");
    if (self->stuck.nobody > 0) {
        hq_print(io, "%llu stay where they are: their territory has nobody who took over\n",
                 (unsigned long long)self->stuck.nobody);
    }
    if (self->stuck.several > 0) {
        hq_print(io, "%llu stay where they are: their territory has several who might have them\n",
                 (unsigned long long)self->stuck.several);
    }
    return HQ_EXIT_DONE;
}

static int apply(realignment *self, rove_error *error) {
    const realign_request *request = self->request;
    handover_count count;
    char detail[DETAIL_MAX];

    detail_of(self, detail);
    realign_order order = {.headquarters = request->headquarters,
                           .io = request->io,
                           .list = &self->list,
                           .act = request->from != NULL ? "reassign" : "assign",
                           .detail = detail,
                           .dry_run = request->dry_run};
    rove_status status = realign_run(&order, &count, error);
    return status == ROVE_OK ? report(self, &count) : hq_failed(request->io, status, error);
}

/* The day is part of the plan: it may be carried out late. */
static int plan(realignment *self) {
    const realign_request *request = self->request;
    char day[ROVE_TIME_TEXT_SIZE];
    rove_status status = ROVE_OK;

    if (request->from == NULL && request->as_of == NULL) {
        rove__time_format(self->day * INT64_C(86400000), day);
        status = plan_words_add(request->words, "--as-of");
        if (status == ROVE_OK) {
            status = plan_words_add(request->words, day);
        }
    }
    return status == ROVE_OK ? plan_keep(request->headquarters, request->io, request->words,
                                         self->due_ms, self->list.count)
                             : hq_failed(request->io, status, NULL);
}

static int realign(realign_request *request) {
    realignment self = {.request = request};
    rove_error error = {.code = 0};
    int result = HQ_EXIT_DONE;

    realign_list_init(&self.list, &hq_get_ports(request->headquarters)->allocator);
    rove_status status = plan_time(request->headquarters, request->effective, &self.due_ms, &error);
    if (status == ROVE_OK) {
        status = read_day(&self, &error);
    }
    if (status == ROVE_OK) {
        status = hq_read(request->headquarters, gather, &self, &error);
        realign_list_sort(&self.list);
    }
    if (status != ROVE_OK) {
        result = hq_failed(request->io, status, &error);
    } else if (self.due_ms != 0 && !request->dry_run) {
        result = plan(&self);
    } else {
        result = apply(&self, &error);
    }
    realign_list_free(&self.list);
    return result;
}

int realign_by_territory(realign_request *self) {
    return realign(self);
}

/* ---- reassign ------------------------------------------------------------------------------------------- */

static int run_reassign(hq *headquarters, const hq_io *io, int argc, char **argv) {
    plan_words words;
    realign_request self = {.headquarters = headquarters, .io = io, .words = &words};
    const hq_option table[] = {{"--from", &self.from, NULL},
                               {"--to", &self.to, NULL},
                               {"--territory", &self.territory, NULL},
                               {"--entity", &self.entity, NULL},
                               {"--effective", &self.effective, NULL},
                               {"--dry-run", NULL, &self.dry_run},
                               {NULL, NULL, NULL}};
    int count = 0;

    plan_words_init(&words, &hq_get_ports(headquarters)->allocator);
    rove_status status = plan_words_take(&words, argc, argv);
    int result = status != ROVE_OK
                     ? hq_failed(io, status, NULL)
                     : hq_arguments(io, &hq_command_reassign, table, argc, argv, 0, 0, &count);
    if (result == HQ_EXIT_DONE && (self.from == NULL || self.to == NULL)) {
        result = hq_usage(io, &hq_command_reassign, "say --from whom and --to whom");
    }
    if (result == HQ_EXIT_DONE) {
        result = realign(&self);
    }
    plan_words_free(&words);
    return result;
}

const hq_command hq_command_reassign = {
    .name = "reassign",
    .usage = "--from USER --to USER [--territory T] [--entity account|contact|lead]\n"
             "           [--effective DATE] [--dry-run]",
    .summary = "pass customers on from one user to another",
    .help =
        "Everything that the first user owns or holds becomes the second one's: accounts, open "
        "leads,\n"
        "contacts, and the open tasks and planned visits that are the first one's. Owner and "
        "assignment\n"
        "change together. A contact goes with the last of his accounts; one who also belongs to "
        "an\n"
        "account that stays, stays there too. Visits, calls and notes keep who made them.\n\n"
        "--territory passes on only what lies there, --entity only these; other users' "
        "assignments\n"
        "stay. Nothing passes to somebody who is suspended or has left; from him it does.\n"
        "The first user's devices send what they have not sent yet, with their next sync, "
        "and\n"
        "only then let go; nothing is lost.\n\n"
        "--effective DATE does it on that day (UTC midnight, or a time like 2026-01-31T22:00Z): "
        "see\n"
        "`plans`. --dry-run shows the counts and changes nothing. It is done in transactions of "
        "some\n"
        "hundred records; if it is interrupted, give the command again.\n\n"
        "    rove-hq reassign --from pamela0 --to tete0 --dry-run\n"
        "    rove-hq reassign --from pamela0 --to tete0 --territory 1\n"
        "    rove-hq reassign --from pamela0 --to tete0 --effective 2026-02-01\n",
    .run = run_reassign};
