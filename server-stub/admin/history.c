/*
 * admin/history.c - rove-hq history: every change of a record, oldest first: when, by whom, on which device, what.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/people.h"
#include "admin/record_text.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "print.h"
#include "wire/batch.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

typedef struct telling {
    hq *headquarters;
    const hq_io *io;
    const char *entity_name;
    const char *which;
    int digits;
    rove__hq_tx *tx;
    rove__arena commit_arena;
    rove__buf scratch;
    json_t *array;
} telling;

typedef struct author {
    rove__hq_commit commit;
    char name[ROVE_TEXT_MAX];
} author;

static const char *op_name(rove__op op) {
    switch (op) {
    case ROVE_OP_INSERT:
        return "added";
    case ROVE_OP_UPDATE:
        return "changed";
    case ROVE_OP_DELETE:
        return "deleted";
    case ROVE_OP_SEAL:
        return "sealed";
    case ROVE_OP_WHOLE:
    case ROVE_OP_PART:
    case ROVE_OP_TOMBSTONE:
    case ROVE_OP_MARK:
        break;
    }
    return "?";
}

/* A user by name, an operator by his own; headquarters itself where nobody acted. */
static rove_status find_author(telling *self, const rove__hq_history *history, author *by) {
    hq_person person = {.id = 0};

    rove__arena_reset(&self->commit_arena);
    rove_status status =
        hq_database(self->headquarters)
            ->directory.commit_get(self->tx, history->seq, &self->commit_arena, &by->commit);
    if (status == ROVE_NOT_FOUND) {
        by->commit = (rove__hq_commit){.operator_name = "", .act = ""};
        status = ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (history->user == 0) {
        rove__text_format(by->name, sizeof by->name, "%s",
                          by->commit.operator_name[0] == '\0' ? "headquarters"
                                                              : by->commit.operator_name);
        return ROVE_OK;
    }
    status = hq_get_person(self->headquarters, self->tx, history->user, &person, NULL);
    rove__text_format(by->name, sizeof by->name, "%s",
                      status == ROVE_OK ? person.name : "(deleted user)");
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static void tell_text(telling *self, const rove__hq_history *history, const author *by,
                      const rove__change *change) {
    char at[ROVE_TIME_TEXT_SIZE];
    const rove__row *row = &change->row;

    rove__time_format(rove__stamp_ms(by->commit.stamp), at);
    hq_print(self->io, "%s  %s by %s", at, op_name(change->op), by->name);
    if (history->user != 0) {
        hq_print(self->io, " on device %u", (unsigned)history->replica);
    }
    hq_print(self->io, "  (%s, seq %llu)\n", by->commit.act, (unsigned long long)history->seq);
    for (size_t i = 0; i < row->cell_count; i++) {
        if (change->op == ROVE_OP_DELETE || !rove__bits_get(&row->present, i)) {
            continue;
        }
        rove__buf_reset(&self->scratch);
        value_text_print(&row->entity->fields[i], record_money_digits(row, self->digits),
                         &row->cells[i], &self->scratch);
        hq_print(self->io, "    %-22s %.*s\n", row->entity->fields[i].name, (int)self->scratch.size,
                 (const char *)self->scratch.data);
    }
}

static rove_status tell_json(telling *self, const rove__hq_history *history, const author *by,
                             const rove__change *change) {
    const rove__row *row = &change->row;
    json_t *fields = json_object();
    char user[24];

    for (size_t i = 0; i < row->cell_count; i++) {
        if (change->op != ROVE_OP_DELETE && rove__bits_get(&row->present, i)) {
            (void)json_object_set_new(fields, row->entity->fields[i].name,
                                      record_value_json(&row->entity->fields[i],
                                                        record_money_digits(row, self->digits),
                                                        &row->cells[i], &self->scratch));
        }
    }
    rove__text_format(user, sizeof user, "%lld", (long long)history->user);
    json_t *entry =
        json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:I, s:o}", "seq", (json_int_t)history->seq, "at",
                  hq_json_time(rove__stamp_ms(by->commit.stamp)), "what", op_name(change->op),
                  "act", by->commit.act, "by", by->name, "user", user, "replica",
                  (json_int_t)history->replica, "fields", fields);
    return json_array_append_new(self->array, entry) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status each_history(void *ctx, const rove__hq_history *history) {
    telling *self = ctx;
    rove__batch_reader *reader = NULL;
    rove__change change;
    author by;
    rove_status status = find_author(self, history, &by);

    if (status == ROVE_OK) {
        status = rove__batch_reader_new(&hq_get_ports(self->headquarters)->allocator,
                                        hq_registry(self->headquarters), history->change.data,
                                        history->change.size, &reader);
    }
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK && self->io->json) {
            status = tell_json(self, history, &by, &change);
        } else if (status == ROVE_OK) {
            tell_text(self, history, &by, &change);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status tell(void *ctx, rove__hq_tx *tx, rove_error *error) {
    telling *self = ctx;
    const rove__entity *entity = NULL;
    rove__arena arena;
    rove_id id = 0;
    rove_status status = hq_find_entity(self->headquarters, self->entity_name, &entity, error);

    self->tx = tx;
    if (status == ROVE_OK) {
        status = hq_find_record(self->headquarters, tx, entity, self->which, &id, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    status = hq_database(self->headquarters)
                 ->store.history_scan(tx, entity->number, id, 0, &arena, each_history, self);
    rove__arena_free(&arena);
    return status;
}

static int run_history(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    telling self = {.headquarters = headquarters, .io = io};
    const rove_allocator *allocator = &hq_get_ports(headquarters)->allocator;
    rove_error error = {.code = 0};
    char currency[4];
    int count = 0;
    int result = hq_arguments(io, &hq_command_history, table, argc, argv, 2, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.entity_name = argv[1];
    self.which = argv[2];
    self.array = json_array();
    rove__arena_init(&self.commit_arena, allocator, ARENA_MAX);
    rove__buf_init(&self.scratch, allocator, RECORD_TEXT_MAX);
    rove_status status = hq_currency(headquarters, currency, &error);
    self.digits = value_text_money_digits(currency, strlen(currency));
    if (status == ROVE_OK) {
        status = hq_read(headquarters, tell, &self, &error);
    }
    if (status != ROVE_OK) {
        result = hq_failed(io, status, &error);
    } else if (io->json) {
        result = hq_print_json(io, json_incref(self.array));
    }
    json_decref(self.array);
    rove__buf_free(&self.scratch);
    rove__arena_free(&self.commit_arena);
    return result;
}

const hq_command hq_command_history = {
    .name = "history",
    .usage = "ENTITY ID",
    .summary = "print what happened to a record",
    .help =
        "Oldest first: when it reached headquarters, who did it, on which device, and the values\n"
        "that were written. Sets show what was added (+) and removed (-).\n\n"
        "    rove-hq history account 292\n",
    .run = run_history};
