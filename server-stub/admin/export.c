/*
 * admin/export.c - rove-hq export: all records of an entity as CSV or JSON, one at a time and from one snapshot.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/record_text.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "print.h"

#define ARENA_MAX       ((size_t)16 * 1024 * 1024)
#define EXPORT_LINE_MAX ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX      200

typedef struct exporting {
    hq *headquarters;
    const hq_io *io;
    const rove__entity *entity;
    const char *name;
    int json;
    int sensitive;
    int digits;
    uint64_t count;
    rove__buf line;
    rove__buf scratch;
} exporting;

static int left_out(const exporting *self, const rove__field *field) {
    return field->kind == ROVE_KIND_DERIVED ||
           (!self->sensitive && (field->flags & ROVE_FIELD_SENSITIVE) != 0);
}

static void put(const exporting *self, const char *bytes, size_t size) {
    self->io->out(self->io->ctx, bytes, size);
}

/* ---- CSV ------------------------------------------------------------------------------------------------ */

static void csv_header(exporting *self) {
    rove__buf_reset(&self->line);
    record_csv_field("id", 2, &self->line);
    for (size_t i = 0; i < self->entity->field_count; i++) {
        const rove__field *field = &self->entity->fields[i];
        if (!left_out(self, field)) {
            rove__buf_byte(&self->line, ',');
            record_csv_field(field->name, strlen(field->name), &self->line);
        }
    }
    rove__buf_append(&self->line, "\r\n", 2);
}

static void csv_row(exporting *self, const rove__row *row) {
    int digits = record_money_digits(row, self->digits);

    rove__buf_reset(&self->line);
    value_text_print_decimal(row->id, 0, &self->line);
    for (size_t i = 0; i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];
        if (left_out(self, field)) {
            continue;
        }
        rove__buf_byte(&self->line, ',');
        rove__buf_reset(&self->scratch);
        value_text_print(field, digits, &row->cells[i], &self->scratch);
        record_csv_field((const char *)self->scratch.data, self->scratch.size, &self->line);
    }
    rove__buf_append(&self->line, "\r\n", 2);
}

/* ---- JSON ----------------------------------------------------------------------------------------------- */

static rove_status json_row(exporting *self, const rove__row *row) {
    json_t *object = record_json(row, self->digits, &self->scratch);

    for (size_t i = 0; i < row->cell_count && !self->sensitive; i++) {
        if ((row->entity->fields[i].flags & ROVE_FIELD_SENSITIVE) != 0) {
            (void)json_object_del(object, row->entity->fields[i].name);
        }
    }
    size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    rove__buf_reset(&self->line);
    rove__buf_append(&self->line, ",\n", self->count == 0 ? 0 : 2);
    uint8_t *room = rove__buf_reserve(&self->line, size);
    if (room == NULL || json_dumpb(object, (char *)room, size, JSON_COMPACT) != size) {
        json_decref(object);
        return ROVE_NOMEM;
    }
    json_decref(object);
    return ROVE_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    exporting *self = ctx;
    rove_status status = ROVE_OK;

    if (self->json) {
        status = json_row(self, &row->row);
    } else {
        csv_row(self, &row->row);
    }
    if (status == ROVE_OK) {
        status = rove__buf_status(&self->line);
    }
    if (status == ROVE_OK) {
        put(self, (const char *)self->line.data, self->line.size);
        self->count++;
    }
    return status;
}

static rove_status export_all(void *ctx, rove__hq_tx *tx, rove_error *error) {
    exporting *self = ctx;
    const rove_value none = rove__value_null();
    rove__arena arena;

    (void)error;
    if (self->json) {
        put(self, "[\n", 2);
    } else {
        csv_header(self);
        put(self, (const char *)self->line.data, self->line.size);
    }
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)
            ->directory.row_find(tx, self->entity->number, -1, &none, &arena, each_row, self);
    rove__arena_free(&arena);
    if (self->json) {
        put(self, self->count == 0 ? "]\n" : "\n]\n", self->count == 0 ? 2 : 3);
    }
    return status;
}

/* Before a byte goes out: who stops it in the middle has exported what he saw. */
static rove_status record_act(void *ctx, rove__hq_tx *tx, rove_error *error) {
    exporting *self = ctx;
    char detail[DETAIL_MAX];

    (void)error;
    uint64_t records = 0;
    rove_status status =
        hq_database(self->headquarters)->directory.row_count(tx, self->entity->number, &records);
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(detail, sizeof detail, "%s, %llu records%s", self->entity->name,
                      (unsigned long long)records,
                      self->sensitive ? ", with sensitive fields" : "");
    return hq_record(self->headquarters, tx, self->io, "export", detail, 0);
}

static void complain_of_left_out(const exporting *self) {
    int any = 0;

    for (size_t i = 0; i < self->entity->field_count && !self->sensitive; i++) {
        if ((self->entity->fields[i].flags & ROVE_FIELD_SENSITIVE) != 0) {
            hq_complain(self->io, "%s%s", any++ ? ", " : "Left out (--sensitive exports them): ",
                        self->entity->fields[i].name);
        }
    }
    if (any) {
        hq_complain(self->io, "\n");
    }
}

static rove_status run_parts(exporting *self, rove_error *error) {
    char currency[4];
    rove_status status = hq_find_entity(self->headquarters, self->name, &self->entity, error);

    if (status == ROVE_OK) {
        status = hq_currency(self->headquarters, currency, error);
        self->digits = value_text_money_digits(currency, strlen(currency));
    }
    if (status == ROVE_OK) {
        status = hq_commit(self->headquarters, record_act, self, error);
    }
    if (status == ROVE_OK) {
        status = hq_read(self->headquarters, export_all, self, error);
    }
    if (status == ROVE_OK) {
        complain_of_left_out(self);
    }
    return status;
}

static int run_export(hq *headquarters, const hq_io *io, int argc, char **argv) {
    exporting self = {.headquarters = headquarters, .io = io, .json = io->json};
    int csv = 0;
    int json = 0;
    const hq_option table[] = {{"--csv", NULL, &csv},
                               {"--json", NULL, &json},
                               {"--sensitive", NULL, &self.sensitive},
                               {NULL, NULL, NULL}};
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_export, table, argc, argv, 1, 1, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (csv && (json || io->json)) {
        return hq_usage(io, &hq_command_export, "either --csv or --json");
    }
    self.json |= json;
    self.name = argv[1];
    rove__buf_init(&self.line, &hq_get_ports(headquarters)->allocator, EXPORT_LINE_MAX);
    rove__buf_init(&self.scratch, &hq_get_ports(headquarters)->allocator, RECORD_TEXT_MAX);
    rove_status status = run_parts(&self, &error);
    result = status == ROVE_OK ? HQ_EXIT_DONE : hq_failed(io, status, &error);
    rove__buf_free(&self.line);
    rove__buf_free(&self.scratch);
    return result;
}

const hq_command hq_command_export = {
    .name = "export",
    .usage = "ENTITY [--csv|--json] [--sensitive]",
    .summary = "print all records of an entity",
    .help =
        "CSV (RFC 4180, the default) or JSON, from one snapshot. Names, addresses and numbers of\n"
        "people are left out unless --sensitive is given; the act is recorded either way. In CSV "
        "a\n"
        "text that a spreadsheet would run as a formula gets a ' in front.\n\n"
        "    rove-hq export account > accounts.csv\n"
        "    rove-hq export contact --json --sensitive > contacts.json\n",
    .run = run_export};
