/*
 * admin/edit.c - rove-hq add, set and delete: an operator's changes of records, by the same rules as a rep's.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/log.h"
#include "base/text.h"
#include "print.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX    ((size_t)16 * 1024 * 1024)
#define FIELDS_MAX   64
#define DESCRIBE_MAX 256
#define DETAIL_MAX   800

typedef enum edit_kind { EDIT_ADD, EDIT_SET, EDIT_DELETE } edit_kind;

typedef struct edit {
    hq *headquarters;
    const hq_io *io;
    edit_kind kind;
    const char *entity;
    const char *which;  /* of set and delete */
    char **assignments; /* "field=value" */
    int assignment_count;
    int digits;
    rove__arena arena;
    char what[DESCRIBE_MAX];
    rove_id id;
    size_t changed;
} edit;

static const char *const verbs[] = {"add", "set", "delete"};

/* ---- what is written ------------------------------------------------------------------------------------ */

static rove_status unknown_field(const rove__entity *entity, const char *name, size_t size,
                                 rove_error *error) {
    return rove__error_set(
        error, ROVE_UNKNOWN_FIELD,
        "%s has no field '%.*s'. rove-hq help set says where to find their names.", entity->name,
        (int)(size < 60 ? size : 60), name);
}

/* A reference by external id or id; what is none falls to value_text_parse. */
static rove_status read_reference(edit *self, rove__hq_tx *tx, const rove__field *field,
                                  const char *text, rove_value *value, rove_error *error) {
    const rove__entity *target =
        rove__registry_by_number(hq_registry(self->headquarters), field->target);
    rove_id id = 0;
    rove_status status = hq_find_record(self->headquarters, tx, target, text, &id, error);

    *value = rove__value_int(id);
    return status;
}

static rove_status read_assignment(edit *self, rove__hq_tx *tx, const char *assignment,
                                   rove__row *row, rove_error *error) {
    const char *equals = strchr(assignment, '=');
    char name[ROVE_NAME_MAX + 1];
    rove_value value = rove__value_null();
    rove_status status = ROVE_OK;

    if (equals == NULL) {
        return rove__error_set(error, ROVE_INVALID, "'%.80s' is not of the form field=value.",
                               assignment);
    }
    size_t size = (size_t)(equals - assignment);
    rove__text_format(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : 0), assignment);
    int ordinal = rove__entity_field_named(row->entity, name);
    if (ordinal < 0 || row->entity->fields[ordinal].kind == ROVE_KIND_DERIVED) {
        return unknown_field(row->entity, assignment, size, error);
    }
    const rove__field *field = &row->entity->fields[ordinal];
    const char *text = equals + 1;
    if (text[0] != '\0' && field->target != 0 && field->target != ROVE_TARGET_ROOT &&
        field->kind == ROVE_KIND_REGISTER) {
        status = read_reference(self, tx, field, text, &value, error);
    } else {
        status =
            value_text_parse(field, self->digits, text, strlen(text), &self->arena, &value, error);
    }
    if (status == ROVE_OK) {
        rove__row_set(row, (size_t)ordinal, value);
    }
    return status;
}

/* Money is read by the currency that the record has. */
static rove_status find_digits(edit *self, rove__hq_tx *tx, const rove__entity *entity) {
    int ordinal = rove__entity_field_named(entity, "currency");
    rove__hq_row row;

    if (self->id == 0) {
        return ROVE_OK;
    }
    rove_status status = hq_database(self->headquarters)
                             ->store.row_get(tx, entity->number, self->id, 0, &self->arena, &row);
    if (status == ROVE_OK) {
        hq_describe(&row.row, 0, self->what, sizeof self->what);
    }
    if (status == ROVE_OK && ordinal >= 0 && row.row.cells[ordinal].type == ROVE_TEXT) {
        self->digits = value_text_money_digits((const char *)row.row.cells[ordinal].as.data,
                                               row.row.cells[ordinal].size);
    }
    return status;
}

/* Number, name and type of a custom field are what replicas know it by; Settings is one row. */
static rove_status refuse_special(const edit *self, const rove__entity *entity, rove_error *error) {
    const ProtobufCMessageDescriptor *m = entity->message;

    if (self->kind == EDIT_SET && m == &rove__custom_field__descriptor) {
        for (int i = 0; i < self->assignment_count; i++) {
            static const char *const fixed[] = {"entity=", "number=", "name=", "type="};
            for (size_t k = 0; k < sizeof fixed / sizeof fixed[0]; k++) {
                if (strncmp(self->assignments[i], fixed[k], strlen(fixed[k])) == 0) {
                    return rove__error_set(
                        error, ROVE_STATE,
                        "A custom field keeps its entity, number, name and type.");
                }
            }
        }
    }
    if ((self->kind == EDIT_DELETE || self->kind == EDIT_ADD) &&
        (m == &rove__custom_field__descriptor || m == &rove__settings__descriptor ||
         m == &rove__device__descriptor || m == &rove__conflict__descriptor ||
         m == &rove__review__descriptor)) {
        return rove__error_set(error, ROVE_STATE, "Records of %s are not %s by hand.", entity->name,
                               self->kind == EDIT_ADD ? "added" : "deleted");
    }
    return ROVE_OK;
}

/* ---- the job -------------------------------------------------------------------------------------------- */

static rove_status write_row(edit *self, rove__hq_tx *tx, const rove__entity *entity,
                             rove__writer *writer, rove_error *error) {
    rove__row row;
    rove_status status = rove__row_init(&row, entity, self->id, &self->arena);

    for (int i = 0; i < self->assignment_count && status == ROVE_OK; i++) {
        status = read_assignment(self, tx, self->assignments[i], &row, error);
    }
    if (status == ROVE_OK && self->kind == EDIT_SET) {
        status = rove__writer_update(writer, &row, &self->changed, error);
    } else if (status == ROVE_OK) {
        status = rove__writer_insert(writer, &row, error);
        self->id = row.id;
        self->changed = 1;
        hq_describe(&row, 0, self->what, sizeof self->what);
    }
    return status;
}

static rove_status write_all(edit *self, rove__hq_tx *tx, const rove__entity *entity,
                             rove__writer *writer, rove_error *error) {
    if (self->kind != EDIT_DELETE) {
        return write_row(self, tx, entity, writer, error);
    }
    self->changed = 1;
    return rove__writer_delete(writer, entity->number, self->id, error);
}

static rove_status record_it(edit *self, rove__hq_tx *tx, uint64_t seq) {
    char detail[DETAIL_MAX];

    rove__text_format(detail, sizeof detail, "%s", self->what);
    for (int i = 0; i < self->assignment_count; i++) {
        size_t used = strlen(detail);
        const char *equals = strchr(self->assignments[i], '=');
        /* Names of fields alone: values are in the history. */
        rove__text_format(detail + used, sizeof detail - used, "%s%.*s", i == 0 ? ": " : ", ",
                          (int)(equals - self->assignments[i]), self->assignments[i]);
    }
    return hq_record(self->headquarters, tx, self->io, verbs[self->kind], detail, seq);
}

/* What a custom field allows counts from its commit on; impossible limits are refused. */
static rove_status redefine(edit *self, rove__hq_tx *tx, rove_error *error) {
    rove__registry *registry = hq_registry(self->headquarters);
    const rove__entity *entity =
        rove__registry_by_message(registry, &rove__custom_field__descriptor);
    rove__hq_row row;
    rove_status status = hq_database(self->headquarters)
                             ->store.row_get(tx, entity->number, self->id, 0, &self->arena, &row);

    return status == ROVE_OK ? rove__registry_add_custom_row(registry, &row.row, error) : status;
}

/* It was not committed: the field is again as the row says. */
static rove_status redefine_back(void *ctx, rove__hq_tx *tx, rove_error *error) {
    edit *self = ctx;

    return self->id == 0 ? ROVE_OK : redefine(self, tx, error);
}

static rove_status apply(void *ctx, rove__hq_tx *tx, rove_error *error) {
    edit *self = ctx;
    const rove__entity *entity = NULL;
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    rove_status status = hq_find_entity(self->headquarters, self->entity, &entity, error);

    rove__arena_reset(&self->arena);
    self->id = 0;
    self->changed = 0;
    if (status == ROVE_OK) {
        status = refuse_special(self, entity, error);
    }
    if (status == ROVE_OK && self->which != NULL) {
        status = hq_find_record(self->headquarters, tx, entity, self->which, &self->id, error);
    }
    if (status == ROVE_OK) {
        status = find_digits(self, tx, entity);
    }
    if (status == ROVE_OK) {
        status = hq_writer(self->headquarters, tx, self->io->operator_name, verbs[self->kind],
                           &writer, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = write_all(self, tx, entity, writer, error);
    if (status == ROVE_OK && entity->message == &rove__custom_field__descriptor) {
        status = redefine(self, tx, error);
    }
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    status = rove__writer_finish(writer, &seq, error);
    return status == ROVE_OK && self->changed > 0 ? record_it(self, tx, seq) : status;
}

static rove_status commit(edit *self, rove_error *error) {
    const rove__entity *entity = NULL;

    if (hq_find_entity(self->headquarters, self->entity, &entity, error) != ROVE_OK ||
        entity->message != &rove__custom_field__descriptor) {
        return hq_commit(self->headquarters, apply, self, error);
    }
    hq_schema_change_begin(self->headquarters);
    rove_status status = hq_commit(self->headquarters, apply, self, error);
    if (status != ROVE_OK && hq_commit(self->headquarters, redefine_back, self, NULL) != ROVE_OK) {
        rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_WARN, "edit",
                  "custom field %lld: its limits count only after a restart", (long long)self->id);
    }
    hq_schema_change_end(self->headquarters);
    return status;
}

/* ---- the commands --------------------------------------------------------------------------------------- */

static int report(const edit *self) {
    char id[24];

    rove__text_format(id, sizeof id, "%lld", (long long)self->id);
    if (self->io->json) {
        return hq_print_json(self->io,
                             json_pack("{s:s, s:s, s:s, s:I}", "act", verbs[self->kind], "id", id,
                                       "record", self->what, "changed", (json_int_t)self->changed));
    }
    if (self->kind == EDIT_ADD) {
        hq_print(self->io, "%s\n", id);
    } else if (self->kind == EDIT_DELETE) {
        hq_print(self->io, "%s: deleted\n", self->what);
    } else if (self->changed == 0) {
        hq_print(self->io, "%s: unchanged\n", self->what);
    } else {
        hq_print(self->io, "%s: %zu field%s changed\n", self->what, self->changed,
                 self->changed == 1 ? "" : "s");
    }
    return HQ_EXIT_DONE;
}

static int run(const hq_command *command, edit_kind kind, hq *headquarters, const hq_io *io,
               int argc, char **argv) {
    const hq_option table[] = {{NULL, NULL, NULL}};
    edit self = {.headquarters = headquarters, .io = io, .kind = kind};
    rove_error error = {.code = 0};
    char currency[4];
    int count = 0;
    int fixed = kind == EDIT_ADD ? 1 : 2;
    int result = hq_arguments(io, command, table, argc, argv, kind == EDIT_DELETE ? 2 : fixed + 1,
                              kind == EDIT_DELETE ? 2 : FIELDS_MAX, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.entity = argv[1];
    self.which = kind == EDIT_ADD ? NULL : argv[2];
    self.assignments = argv + 1 + fixed;
    self.assignment_count = count - fixed;
    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status = hq_currency(headquarters, currency, &error);
    self.digits = value_text_money_digits(currency, strlen(currency));
    if (status == ROVE_OK) {
        status = commit(&self, &error);
    }
    result = status == ROVE_OK ? report(&self) : hq_failed(io, status, &error);
    rove__arena_free(&self.arena);
    return result;
}

static int run_add(hq *headquarters, const hq_io *io, int argc, char **argv) {
    return run(&hq_command_add, EDIT_ADD, headquarters, io, argc, argv);
}

static int run_set(hq *headquarters, const hq_io *io, int argc, char **argv) {
    return run(&hq_command_set, EDIT_SET, headquarters, io, argc, argv);
}

static int run_delete(hq *headquarters, const hq_io *io, int argc, char **argv) {
    return run(&hq_command_delete, EDIT_DELETE, headquarters, io, argc, argv);
}

const hq_command hq_command_add = {
    .name = "add",
    .usage = "ENTITY field=value...",
    .summary = "add a record",
    .help = "Prints the id of the new record. Values are written as for set.\n\n"
            "    rove-hq add tag_set name=Colours\n"
            "    rove-hq add tag tag_set_id=6442450945 value=red label=Red\n",
    .run = run_add};

const hq_command hq_command_set = {
    .name = "set",
    .usage = "ENTITY ID field=value...",
    .summary = "change fields of a record",
    .help =
        "ID is an external id or an id. Fields are named as show prints them (all of them: "
        "docs/data-model.md).\n"
        "Enumerations by their key (status=CLOSED), times in ISO 8601 (due_at=2026-12-01), money "
        "with a\n"
        "point (credit_limit=1500.00), booleans true or false, positions in degrees, references "
        "by external id\n"
        "or id, sets with ; between elements. field= clears it. Devices get the change with "
        "their next sync.\n\n"
        "    rove-hq set account 292 phone='+1 901 555 0100' tier=A\n",
    .run = run_set};

const hq_command hq_command_delete = {
    .name = "delete",
    .usage = "ENTITY ID",
    .summary = "delete a record",
    .help = "The record leaves all devices with their next sync. If a rep has changed it "
            "meanwhile, it\n"
            "comes back, with a conflict for somebody to look at. Its history stays.\n\n"
            "    rove-hq delete contact 291\n",
    .run = run_delete};
