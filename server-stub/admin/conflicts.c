/*
 * admin/conflicts.c - rove-hq conflicts: two writes that met unseen, by the page; both sides of one, side by side; and settling it:
 * what stands is kept, or what had lost is written again, as an operator's own write.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/conflict_text.h"
#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/people.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "print.h"
#include "rules/conflict.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX     ((size_t)16 * 1024 * 1024)
#define LIMIT_DEFAULT 100
#define LIMIT_MOST    1000000
#define DETAIL_MAX    400

/* ---- list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    hq *headquarters;
    const hq_io *io;
    const char *entity_name;
    const char *user_name;
    int all;
    int64_t limit;
    rove_id after;
    uint32_t entity; /* 0: any */
    rove_id user;    /* 0: anybody */
    conflict_text text;
    rove_id last;
    int64_t listed;
    int more;
    json_t *array;
} listing;

static int wanted(const listing *self, const conflict *c) {
    return (self->entity == 0 || c->entity == self->entity) &&
           (self->user == 0 || c->kept.user == self->user || c->lost.user == self->user);
}

static rove_status each_conflict(void *ctx, const rove__hq_row *row) {
    listing *self = ctx;
    conflict c;

    conflict_read(&row->row, &c);
    if (!wanted(self, &c)) {
        return ROVE_OK;
    }
    if (self->listed == self->limit) {
        self->more = 1;
        return ROVE_DONE;
    }
    self->listed++;
    self->last = c.number;
    if (!self->io->json) {
        return conflict_print_line(&self->text, &c);
    }
    json_t *object = NULL;
    rove_status status = conflict_json(&self->text, &c, &object);
    if (status != ROVE_OK) {
        json_decref(object);
        return status;
    }
    return json_array_append_new(self->array, object) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;
    const rove__entity *conflicts =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__conflict__descriptor);
    const rove__entity *entity = NULL;
    hq_person person = {.id = 0};
    rove_status status = ROVE_OK;
    rove__arena arena;

    self->text.tx = tx;
    if (self->entity_name != NULL) {
        status = hq_find_entity(self->headquarters, self->entity_name, &entity, error);
        self->entity = status == ROVE_OK ? entity->number : 0;
    }
    if (status == ROVE_OK && self->user_name != NULL) {
        status = hq_find_person(self->headquarters, tx, self->user_name, &person, error);
        self->user = person.id;
    }
    if (status != ROVE_OK) {
        return status;
    }
    int ordinal = self->all ? -1 : rove__entity_field_named(conflicts, "status");
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    status = hq_database(self->headquarters)
                 ->directory.row_page(tx, conflicts->number, ordinal, ROVE__CONFLICT__STATUS__OPEN,
                                      self->after, &arena, each_conflict, self);
    rove__arena_free(&arena);
    return status;
}

static int run_list(listing *self) {
    rove_error error = {.code = 0};

    self->array = json_array();
    rove_status status = conflict_text_init(&self->text, self->headquarters, self->io, &error);
    if (status == ROVE_OK) {
        status = hq_read(self->headquarters, list, self, &error);
    }
    conflict_text_free(&self->text);
    if (status != ROVE_OK) {
        json_decref(self->array);
        return hq_failed(self->io, status, &error);
    }
    if (self->listed == 0) {
        hq_complain(self->io, self->all ? "There are no conflicts.\n" : "No conflict is open.\n");
    } else if (self->more) {
        hq_complain(self->io, "More follow: --after %lld\n", (long long)self->last);
    }
    if (self->io->json) {
        return hq_print_json(self->io, self->array);
    }
    json_decref(self->array);
    return HQ_EXIT_DONE;
}

/* ---- show ----------------------------------------------------------------------------------------------- */

typedef struct deciding {
    hq *headquarters;
    const hq_io *io;
    rove_id number;
    int restore;
    const char *note;
    conflict_text text;
    json_t *document;
    rove__arena arena;
    char record[DETAIL_MAX]; /* what it was about, in words */
} deciding;

static rove_status find_conflict(deciding *self, rove__hq_tx *tx, conflict *c, rove_error *error) {
    const rove__entity *entity =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__conflict__descriptor);
    rove__hq_row row;
    rove_status status =
        hq_database(self->headquarters)
            ->store.row_get(tx, entity->number, self->number, 0, &self->arena, &row);

    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && row.dead != 0)) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "There is no conflict %lld. rove-hq conflicts lists them.",
                               (long long)self->number);
    }
    if (status == ROVE_OK) {
        conflict_read(&row.row, c);
    }
    return status;
}

static rove_status show(void *ctx, rove__hq_tx *tx, rove_error *error) {
    deciding *self = ctx;
    conflict c;

    self->text.tx = tx;
    rove_status status = find_conflict(self, tx, &c, error);
    if (status != ROVE_OK) {
        return status;
    }
    return self->io->json ? conflict_json_whole(&self->text, &c, &self->document)
                          : conflict_print_whole(&self->text, &c);
}

static int run_show(deciding *self) {
    rove_error error = {.code = 0};
    rove_status status = conflict_text_init(&self->text, self->headquarters, self->io, &error);

    rove__arena_init(&self->arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    if (status == ROVE_OK) {
        status = hq_read(self->headquarters, show, self, &error);
    }
    conflict_text_free(&self->text);
    rove__arena_free(&self->arena);
    if (status != ROVE_OK) {
        json_decref(self->document);
        return hq_failed(self->io, status, &error);
    }
    return self->io->json ? hq_print_json(self->io, self->document) : HQ_EXIT_DONE;
}

/* ---- keep, restore -------------------------------------------------------------------------------------- */

static rove_status write_again(deciding *self, rove__writer *writer, const conflict *c,
                               rove_error *error) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), c->entity);
    rove__remedy remedy;
    size_t changed = 0;
    rove__row row;
    rove_status status =
        rove__conflict_remedy(c->kind, entity, c->field, &c->lost.packed, &remedy, error);

    if (status == ROVE_OK && remedy.deletes) {
        return rove__writer_delete(writer, c->entity, c->id, error);
    }
    if (status == ROVE_OK) {
        status = rove__row_init(&row, entity, c->id, &self->arena);
    }
    if (status == ROVE_OK) {
        rove__row_set(&row, remedy.ordinal, remedy.value);
        status = rove__writer_update(writer, &row, &changed, error);
    }
    return status;
}

static void set_cell(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static rove_status mark_settled(deciding *self, rove__writer *writer, rove_error *error) {
    const rove__entity *entity =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__conflict__descriptor);
    size_t changed = 0;
    rove__row row;
    rove_status status = rove__row_init(&row, entity, self->number, &self->arena);

    if (status != ROVE_OK) {
        return status;
    }
    set_cell(&row, "status",
             rove__value_int(self->restore ? ROVE__CONFLICT__STATUS__RESOLVED
                                           : ROVE__CONFLICT__STATUS__DISMISSED));
    set_cell(&row, "resolved_at", rove__value_int(hq_now_ms(self->headquarters)));
    if (self->note != NULL) {
        set_cell(&row, "note", rove__value_text(self->note));
    }
    return rove__writer_update(writer, &row, &changed, error);
}

static rove_status write_all(deciding *self, rove__writer *writer, const conflict *c,
                             rove_error *error) {
    rove_status status = self->restore ? write_again(self, writer, c, error) : ROVE_OK;

    if (status == ROVE_NOT_FOUND && error != NULL) {
        return rove__error_set(error, status, "The record is not there any more; keep settles it.");
    }
    return status == ROVE_OK ? mark_settled(self, writer, error) : status;
}

static rove_status settle(void *ctx, rove__hq_tx *tx, rove_error *error) {
    deciding *self = ctx;
    rove__writer *writer = NULL;
    char detail[DETAIL_MAX];
    uint64_t seq = 0;
    conflict c;

    rove__arena_reset(&self->arena);
    rove_status status = find_conflict(self, tx, &c, error);
    if (status == ROVE_OK && c.status != ROVE__CONFLICT__STATUS__OPEN) {
        return rove__error_set(error, ROVE_STATE, "The conflict is settled already.");
    }
    if (status == ROVE_OK) {
        self->text.tx = tx;
        status = conflict_describe(&self->text, &c, 0, self->record, sizeof self->record);
    }
    if (status == ROVE_OK) {
        status =
            hq_writer(self->headquarters, tx, self->io->operator_name, "conflicts", &writer, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = write_all(self, writer, &c, error);
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    status = rove__writer_finish(writer, &seq, error);
    if (status == ROVE_OK) {
        rove__text_format(detail, sizeof detail, "%s %lld: %s", self->restore ? "restored" : "kept",
                          (long long)self->number, self->record);
        status = hq_record(self->headquarters, tx, self->io, "conflicts", detail, seq);
    }
    return status;
}

static int run_settle(deciding *self) {
    const char *done = self->restore ? "restored" : "kept";
    rove_error error = {.code = 0};
    char number[24];
    rove_status status = conflict_text_init(&self->text, self->headquarters, self->io, &error);

    rove__arena_init(&self->arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, settle, self, &error);
    }
    conflict_text_free(&self->text);
    rove__arena_free(&self->arena);
    if (status != ROVE_OK) {
        return hq_failed(self->io, status, &error);
    }
    rove__text_format(number, sizeof number, "%lld", (long long)self->number);
    if (self->io->json) {
        return hq_print_json(self->io, json_pack("{s:s, s:s}", "number", number, "decision", done));
    }
    hq_print(self->io, "%s: %s\n", self->record, done);
    return HQ_EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static int run_conflicts(hq *headquarters, const hq_io *io, int argc, char **argv) {
    listing all = {.headquarters = headquarters, .io = io, .limit = LIMIT_DEFAULT};
    deciding one = {.headquarters = headquarters, .io = io};
    const char *limit = NULL;
    const char *after = NULL;
    const hq_option table[] = {{"--all", NULL, &all.all},
                               {"--entity", &all.entity_name, NULL},
                               {"--user", &all.user_name, NULL},
                               {"--limit", &limit, NULL},
                               {"--after", &after, NULL},
                               {"--note", &one.note, NULL},
                               {NULL, NULL, NULL}};
    int count = 0;
    int result = hq_arguments(io, &hq_command_conflicts, table, argc, argv, 0, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (count == 0 || (count == 1 && strcmp(argv[1], "list") == 0)) {
        if ((limit != NULL && !hq_number(limit, 1, LIMIT_MOST, &all.limit)) ||
            (after != NULL && !hq_number(after, 0, INT64_MAX, &all.after))) {
            return hq_usage(io, &hq_command_conflicts, "--limit and --after take numbers");
        }
        return run_list(&all);
    }
    int shows = strcmp(argv[1], "show") == 0;
    one.restore = strcmp(argv[1], "restore") == 0;
    if (count != 2 || (!shows && !one.restore && strcmp(argv[1], "keep") != 0) ||
        !hq_number(argv[2], 1, INT64_MAX, &one.number)) {
        return hq_usage(io, &hq_command_conflicts,
                        "list, or show, keep or restore with the NUMBER of a conflict");
    }
    return shows ? run_show(&one) : run_settle(&one);
}

const hq_command hq_command_conflicts = {
    .name = "conflicts",
    .usage = "[list] [--all] [--entity ENTITY] [--user USER] [--limit N] [--after NUMBER] |\n"
             "           show NUMBER | keep NUMBER [--note TEXT] | restore NUMBER [--note TEXT]",
    .summary = "look at writes that met unseen, and settle them",
    .help = "When two people change the same field without having seen each other's change, one "
            "value stands\n"
            "and the other is kept here. The reps see it too, and whoever settles it first has "
            "done it. The list\n"
            "has what is open, with --all the settled ones too, a page of 100 or --limit at a "
            "time. show puts\n"
            "both sides beside each other: who, on which device, when, and what that device's own "
            "clock said.\n"
            "keep lets stand what stands; restore writes what had lost again, as a new change that "
            "every device\n"
            "gets.\n\n"
            "    rove-hq conflicts --entity account --user linda\n"
            "    rove-hq conflicts show 236817702063177729\n"
            "    rove-hq conflicts restore 236817702063177729 --note 'called the shop'\n",
    .run = run_conflicts};
