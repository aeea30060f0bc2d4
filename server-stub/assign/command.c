/*
 * assign/command.c - rove-hq assign and unassign.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/people.h"
#include "args.h"
#include "assign/assign.h"
#include "assign/command_realign.h"
#include "assign/plan.h"
#include "base/text.h"
#include "print.h"

#define RECORDS_MAX 4096
#define DETAIL_MAX  400

typedef struct request {
    hq *headquarters;
    const hq_io *io;
    plan_words words; /* as they were typed */
    const char *who;  /* a user; NULL with `all` */
    char **records;   /* named one by one */
    int record_count;
    const char *record_entity;
    const char *territory;
    const char *entity; /* restricts by_owner and territory; NULL: every root that has the field */
    const char *effective;
    int by_owner;
    int by_territory;
    const char *as_of; /* of by_territory */
    int all;
    int alone;
    int end;
    int dry_run;
    hq_person person;
    assign_list list;
    uint64_t left_out; /* with `all`: of owners who are suspended or have left */
} request;

/* ---- what is meant -------------------------------------------------------------------------------------- */

static rove_status add_named(request *self, rove__hq_tx *tx, rove_error *error) {
    const rove__entity *entity = NULL;
    rove_status status = hq_find_entity(self->headquarters, self->record_entity, &entity, error);

    for (int i = 0; i < self->record_count && status == ROVE_OK; i++) {
        rove_id root = 0;
        status = hq_find_record(self->headquarters, tx, entity, self->records[i], &root, error);
        if (status == ROVE_OK) {
            status = assign_add(&self->list, self->person.id, root);
        }
    }
    return status;
}

static rove_status add_entity(request *self, rove__hq_tx *tx, const rove__entity *entity,
                              rove_id territory) {
    return territory == 0
               ? assign_add_owned(self->headquarters, tx, entity, self->person.id, &self->list)
               : assign_add_territory(self->headquarters, tx, entity, territory, self->person.id,
                                      &self->list);
}

/* By owner or by territory: of one entity, or of all roots. */
static rove_status add_selected(request *self, rove__hq_tx *tx, rove_id territory,
                                rove_error *error) {
    const rove__registry *registry = hq_registry(self->headquarters);
    const rove__entity *only = NULL;
    rove_status status = assign_find_entity(self->headquarters, self->entity, &only, error);

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (only == NULL ? entity->scope == ROVE_SCOPE_SELF : entity == only) {
            status = add_entity(self, tx, entity, territory);
        }
    }
    return status;
}

/* With `all`: what is not given to anybody, because its owner is suspended or has left. */
static rove_status leave_out(request *self, rove__hq_tx *tx) {
    assign_list *list = &self->list;
    rove_status status = ROVE_OK;
    int receives = 0;
    size_t kept = 0;

    assign_list_sort(list);
    for (size_t i = 0; i < list->count && status == ROVE_OK; i++) {
        rove_id user = list->pairs[i].user;
        if (i == 0 || user != list->pairs[i - 1].user) {
            status = hq_user_receives(self->headquarters, tx, user, &receives);
        }
        if (receives) {
            list->pairs[kept++] = list->pairs[i];
        }
    }
    self->left_out = list->count - kept;
    list->count = kept;
    return status;
}

static rove_status gather(void *ctx, rove__hq_tx *tx, rove_error *error) {
    request *self = ctx;
    rove_id territory = 0;
    rove_status status = ROVE_OK;

    if (self->who != NULL) {
        status = hq_find_person(self->headquarters, tx, self->who, &self->person, error);
        if (status == ROVE_OK && !self->end) {
            status = hq_check_receives(&self->person, error);
        }
    }
    if (status == ROVE_OK && self->record_count > 0) {
        status = add_named(self, tx, error);
    }
    if (status == ROVE_OK && self->territory != NULL) {
        status = assign_find_territory(self->headquarters, tx, self->territory, &territory, error);
        if (status == ROVE_OK) {
            status = add_selected(self, tx, territory, error);
        }
    }
    if (status == ROVE_OK && self->by_owner) {
        status = add_selected(self, tx, 0, error);
    }
    if (status == ROVE_OK && self->who == NULL) {
        status = leave_out(self, tx);
    }
    if (status == ROVE_OK && self->end && self->all) {
        status = assign_add_held(self->headquarters, tx, self->person.id, &self->list);
    }
    return status;
}

/* ---- the report ----------------------------------------------------------------------------------------- */

static void detail_of(const request *self, char *detail) {
    rove__text_format(detail, DETAIL_MAX, "%s%s: %zu records%s%s%s%s",
                      self->who == NULL ? "every owner" : self->person.name,
                      self->by_owner ? ", by owner" : "", self->list.count,
                      self->territory == NULL ? "" : ", territory ",
                      self->territory == NULL ? "" : self->territory, self->alone ? ", alone" : "",
                      self->end && self->all ? ", all" : "");
}

static int report(const request *self, const assign_count *count) {
    const hq_io *io = self->io;

    if (io->json) {
        return hq_print_json(
            io, json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "records", (json_int_t)self->list.count,
                          self->end ? "ended" : "assigned", (json_int_t)count->changed,
                          self->end ? "not_held" : "held_already", (json_int_t)count->stood,
                          "taken_from_others", (json_int_t)count->taken, "left_out",
                          (json_int_t)self->left_out, "dry_run", self->dry_run));
    }
    hq_print(io, "%s: %zu records, %llu %s, %llu %s", self->who == NULL ? "All" : self->person.name,
             self->list.count, (unsigned long long)count->changed,
             self->end ? "taken away" : "assigned", (unsigned long long)count->stood,
             self->end ? "not held" : "held already");
    if (self->alone) {
        hq_print(io, ", %llu taken from others", (unsigned long long)count->taken);
    }
    hq_print(io, "%s\n", self->dry_run ? " (a dry run: nothing was changed)" : "");
    if (self->left_out > 0) {
        hq_print(io, "%llu of somebody who is suspended or has left stay as they are\n",
                 (unsigned long long)self->left_out);
    }
    return HQ_EXIT_DONE;
}

/* ---- the commands --------------------------------------------------------------------------------------- */

static int apply(request *self, rove_error *error) {
    assign_count count;
    char detail[DETAIL_MAX];

    assign_list_sort(&self->list);
    detail_of(self, detail);
    assign_order order = {.headquarters = self->headquarters,
                          .io = self->io,
                          .list = &self->list,
                          .end = self->end,
                          .alone = self->alone,
                          .dry_run = self->dry_run,
                          .detail = detail};
    rove_status status = assign_run(&order, &count, error);
    return status == ROVE_OK ? report(self, &count) : hq_failed(self->io, status, error);
}

static int run(request *self) {
    rove_error error = {.code = 0};
    int64_t due_ms = 0;
    int result = HQ_EXIT_DONE;

    assign_list_init(&self->list, &hq_get_ports(self->headquarters)->allocator);
    rove_status status = plan_time(self->headquarters, self->effective, &due_ms, &error);
    if (status == ROVE_OK) {
        status = hq_read(self->headquarters, gather, self, &error);
    }
    if (status != ROVE_OK) {
        result = hq_failed(self->io, status, &error);
    } else if (due_ms != 0 && !self->dry_run) {
        result = plan_keep(self->headquarters, self->io, &self->words, due_ms, self->list.count);
    } else {
        result = apply(self, &error);
    }
    assign_list_free(&self->list);
    return result;
}

/* One way of saying which records, and a user unless all owners get their own. */
static const char *problem(const request *self) {
    int ways = (self->record_count > 0) + (self->territory != NULL) + self->by_owner +
               self->by_territory + (self->end && self->all);

    if (ways != 1) {
        return self->end
                   ? "say which: --account and ids, --by-owner, --territory T, or --all"
                   : "say which: --account and ids, --by-owner, --territory T, or --by-territory";
    }
    if (self->by_territory || self->as_of != NULL) {
        return !self->by_territory                             ? "--as-of is for --by-territory"
               : self->who != NULL || self->all || self->alone ? "--by-territory is for everybody"
                                                               : NULL;
    }
    if (self->who == NULL && (self->end || !self->by_owner || !self->all)) {
        return "a user is missing";
    }
    if (self->who != NULL && self->all && !self->end) {
        return "--all is for every owner, without a user";
    }
    return NULL;
}

static int run_request(request *self, const hq_command *command) {
    if (problem(self) != NULL) {
        return hq_usage(self->io, command, problem(self));
    }
    if (self->by_territory) {
        realign_request by_territory = {.headquarters = self->headquarters,
                                        .io = self->io,
                                        .words = &self->words,
                                        .entity = self->entity,
                                        .as_of = self->as_of,
                                        .effective = self->effective,
                                        .dry_run = self->dry_run};
        return realign_by_territory(&by_territory);
    }
    return run(self);
}

static int read_and_run(const hq_command *command, hq *headquarters, const hq_io *io, int end,
                        int argc, char **argv) {
    request self = {.headquarters = headquarters, .io = io, .end = end};
    int account = 0;
    int lead = 0;
    int contact = 0;
    int count = 0;
    const hq_option table[] = {{"--account", NULL, &account},
                               {"--lead", NULL, &lead},
                               {"--contact", NULL, &contact},
                               {"--by-owner", NULL, &self.by_owner},
                               {"--territory", &self.territory, NULL},
                               {"--entity", &self.entity, NULL},
                               {"--effective", &self.effective, NULL},
                               {"--dry-run", NULL, &self.dry_run},
                               {"--all", NULL, &self.all},
                               {end ? NULL : "--alone", NULL, &self.alone},
                               {"--by-territory", NULL, &self.by_territory},
                               {"--as-of", &self.as_of, NULL},
                               {NULL, NULL, NULL}};

    plan_words_init(&self.words, &hq_get_ports(headquarters)->allocator);
    rove_status status = plan_words_take(&self.words, argc, argv);
    int result = status != ROVE_OK
                     ? hq_failed(io, status, NULL)
                     : hq_arguments(io, command, table, argc, argv, 0, RECORDS_MAX, &count);
    if (result == HQ_EXIT_DONE && account + lead + contact > 1) {
        result = hq_usage(io, command, "name records of one entity at a time");
    }
    if (result == HQ_EXIT_DONE) {
        self.record_entity = lead ? "Lead" : contact ? "Contact" : "Account";
        self.who = count > 0 ? argv[1] : NULL;
        self.records = argv + 2;
        self.record_count = count > 1 ? count - 1 : 0;
        result = run_request(&self, command);
    }
    plan_words_free(&self.words);
    return result;
}

static int run_assign(hq *headquarters, const hq_io *io, int argc, char **argv) {
    return read_and_run(&hq_command_assign, headquarters, io, 0, argc, argv);
}

static int run_unassign(hq *headquarters, const hq_io *io, int argc, char **argv) {
    return read_and_run(&hq_command_unassign, headquarters, io, 1, argc, argv);
}

const hq_command hq_command_assign = {
    .name = "assign",
    .usage = "USER (--account|--lead|--contact ID... | --by-owner | --territory T) [--entity E] "
             "[--alone], or --by-owner --all, or --by-territory [--as-of DATE] [--entity E]; "
             "[--effective DATE] [--dry-run]",
    .summary = "give records to a user's devices",
    .help =
        "What is assigned comes to the user's devices with their next sync: an account with its\n"
        "contacts, visits, calls, tasks and notes. ID is an external id or an id; USER a login, "
        "an\n"
        "external id, an id or a name. --by-owner takes the records whose owner_id the user is,\n"
        "--territory those of a territory, of --entity account or lead only if that is given.\n"
        "--by-owner --all gives every record to its owner. --alone takes them from everybody "
        "else;\n"
        "unsent work on them is never lost. Nobody who is suspended or has left gets anything.\n\n"
        "--by-territory follows the territory assignments on record up to today, or to --as-of: "
        "where\n"
        "somebody has left a territory, the accounts and open leads that he has there pass to who "
        "took\n"
        "over, as with `reassign`. Of several, that is who began last. Records that somebody has\n"
        "outside of his territories stay his; what nobody has goes to the one who works there.\n\n"
        "--effective DATE does it on that day (UTC midnight, or a time like 2026-01-31T22:00Z): "
        "see\n"
        "`plans`. --dry-run shows the counts and changes nothing.\n\n"
        "    rove-hq assign --by-owner --all\n"
        "    rove-hq assign michael9 --account 292 294\n"
        "    rove-hq assign michael9 --territory 2 --entity lead\n"
        "    rove-hq assign --by-territory --as-of 2023-11-30 --dry-run\n",
    .run = run_assign};

const hq_command hq_command_unassign = {
    .name = "unassign",
    .usage = "USER (--account|--lead|--contact ID... | --by-owner | --territory T | --all) "
             "[--entity E] [--effective DATE] [--dry-run]",
    .summary = "take records from a user's devices",
    .help = "The records leave the user's devices with their next sync; what they have not sent "
            "yet is\n"
            "sent first, and kept. Records are named as for assign; --all is all that the user "
            "holds.\n"
            "--effective and --dry-run as for assign. To pass them on to somebody: reassign.\n\n"
            "    rove-hq unassign michael9 --account 292\n"
            "    rove-hq unassign michael9 --all --effective 2026-02-01\n",
    .run = run_unassign};
