/*
 * admin/show.c - rove-hq show: one record, who holds it, and what it refers to.
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

#define ARENA_MAX    ((size_t)16 * 1024 * 1024)
#define HOLDERS_MAX  64
#define DESCRIBE_MAX 256

typedef struct showing {
    hq *headquarters;
    const hq_io *io;
    const char *entity;
    const char *which;
    int digits;
    rove__arena arena;
    rove__hq_row row;
    rove_id holders[HOLDERS_MAX];
    size_t holder_count;
    json_t *document;
    rove__buf scratch;
} showing;

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    showing *self = ctx;

    if (grant->to != ROVE_SEQ_OPEN) {
        return ROVE_OK;
    }
    if (self->holder_count == HOLDERS_MAX) {
        return ROVE_DONE;
    }
    self->holders[self->holder_count++] = grant->user;
    return ROVE_OK;
}

/* The record that a reference names, in words; "" if it cannot be found. */
static void describe_target(showing *self, rove__hq_tx *tx, const rove__field *field, rove_id id,
                            char *text) {
    const rove__registry *registry = hq_registry(self->headquarters);
    rove__arena arena;

    text[0] = '\0';
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    for (size_t i = 0; i < rove__registry_count(registry) && text[0] == '\0'; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        rove__hq_row target;
        int fits = field->target == ROVE_TARGET_ROOT
                       ? entity->scope == ROVE_SCOPE_SELF || strcmp(entity->name, "User") == 0
                       : entity->number == field->target;
        rove__arena_reset(&arena);
        if (fits &&
            hq_database(self->headquarters)
                    ->store.row_get(tx, entity->number, id, 0, &arena, &target) == ROVE_OK) {
            hq_describe(&target.row, 1, text, DESCRIBE_MAX);
        }
    }
    rove__arena_free(&arena);
}

static void show_field(showing *self, rove__hq_tx *tx, size_t ordinal, int digits) {
    const rove__field *field = &self->row.row.entity->fields[ordinal];
    const rove_value *value = &self->row.row.cells[ordinal];
    char target[DESCRIBE_MAX] = "";

    rove__buf_reset(&self->scratch);
    value_text_print(field, digits, value, &self->scratch);
    if (field->target != 0 && value->type == ROVE_INT) {
        describe_target(self, tx, field, value->as.integer, target);
    }
    hq_print(self->io, "  %-22s %.*s%s%s\n", field->name, (int)self->scratch.size,
             (const char *)self->scratch.data, target[0] == '\0' ? "" : "  ", target);
}

static void show_text(showing *self, rove__hq_tx *tx) {
    char text[DESCRIBE_MAX];
    char changed[ROVE_TIME_TEXT_SIZE];
    const rove__row *row = &self->row.row;
    int digits = record_money_digits(row, self->digits);

    hq_describe(row, 1, text, sizeof text);
    rove__time_format(rove__stamp_ms(rove__clock_largest(&self->row.clock)), changed);
    hq_print(self->io, "%s%s\n  %-22s %s\n", text, self->row.dead != 0 ? ", deleted" : "",
             "last change", changed);
    for (size_t i = 0; i < row->cell_count; i++) {
        if (row->cells[i].type != ROVE_NULL) {
            show_field(self, tx, i, digits);
        }
    }
    for (size_t i = 0; i < self->holder_count; i++) {
        hq_person person = {.id = 0};
        if (hq_get_person(self->headquarters, tx, self->holders[i], &person, NULL) == ROVE_OK) {
            hq_print(self->io, "  %-22s %s\n", "assigned to", person.name);
        }
    }
}

static void show_json(showing *self) {
    json_t *holders = json_array();
    char id[24];

    for (size_t i = 0; i < self->holder_count; i++) {
        rove__text_format(id, sizeof id, "%lld", (long long)self->holders[i]);
        (void)json_array_append_new(holders, json_string(id));
    }
    self->document = json_pack("{s:s, s:b, s:o, s:o, s:o}", "entity", self->row.row.entity->name,
                               "deleted", self->row.dead != 0, "changed",
                               hq_json_time(rove__stamp_ms(rove__clock_largest(&self->row.clock))),
                               "record", record_json(&self->row.row, self->digits, &self->scratch),
                               "assigned_to", holders);
}

static rove_status show(void *ctx, rove__hq_tx *tx, rove_error *error) {
    showing *self = ctx;
    const rove__entity *entity = NULL;
    rove_id id = 0;
    rove_status status = hq_find_entity(self->headquarters, self->entity, &entity, error);

    if (status == ROVE_OK) {
        status = hq_find_record(self->headquarters, tx, entity, self->which, &id, error);
    }
    if (status == ROVE_OK) {
        status = hq_database(self->headquarters)
                     ->store.row_get(tx, entity->number, id, 0, &self->arena, &self->row);
    }
    if (status == ROVE_OK && entity->scope == ROVE_SCOPE_SELF) {
        status = hq_database(self->headquarters)->store.grant_scan(tx, 0, id, each_grant, self);
    }
    if (status == ROVE_OK && self->io->json) {
        show_json(self);
    } else if (status == ROVE_OK) {
        show_text(self, tx);
    }
    return status;
}

static int run_show(hq *headquarters, const hq_io *io, int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    showing self = {.headquarters = headquarters, .io = io};
    rove_error error = {.code = 0};
    char currency[4];
    int count = 0;
    int result = hq_arguments(io, &hq_command_show, table, argc, argv, 2, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.entity = argv[1];
    self.which = argv[2];
    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove__buf_init(&self.scratch, &hq_get_ports(headquarters)->allocator, RECORD_TEXT_MAX);
    rove_status status = hq_currency(headquarters, currency, &error);
    self.digits = value_text_money_digits(currency, strlen(currency));
    if (status == ROVE_OK) {
        status = hq_read(headquarters, show, &self, &error);
    }
    if (status != ROVE_OK) {
        result = hq_failed(io, status, &error);
    } else if (io->json) {
        result = hq_print_json(io, self.document);
    }
    rove__buf_free(&self.scratch);
    rove__arena_free(&self.arena);
    return result;
}

const hq_command hq_command_show = {
    .name = "show",
    .usage = "ENTITY ID",
    .summary = "print a record",
    .help =
        "ID is an external id or an id. Money is in the record's currency, times are UTC, angles\n"
        "degrees. A deleted record is found by its id.\n\n"
        "    rove-hq show account 292\n"
        "    rove-hq --json show user 275\n",
    .run = run_show};
