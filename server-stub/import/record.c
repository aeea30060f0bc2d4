/*
 * import/record.c - one record of a file becomes an item: values are read and checked, references noted.
 *
 * Money is read by the record's own currency column if it has one, else by the organisation's currency, which the
 * record then gets: an amount never stands without its currency.
 */
#include <string.h>

#include "admin/value_text.h"
#include "base/stamp.h"
#include "base/text.h"
#include "import/import.h"
#include "import/synonyms.h"

#include "rove/entities.pb-c.h"

#define WHOLE_LINE SIZE_MAX
#define NAME_ROOM  512
/* What a row may hold beside its cells. */
#define ROW_OVERHEAD 8192

static int ordinal_of(const rove__entity *entity, const char *name) {
    return rove__entity_field_named(entity, name);
}

static int is_entity(const import_item *item, const ProtobufCMessageDescriptor *message) {
    return item->row.entity->message == message;
}

static rove_status memory(rove_error *error) {
    return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
}

static int is_reference(const rove__field *field) {
    return field->target != 0 && field->kind == ROVE_KIND_REGISTER;
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* What other programs call one of our values. */
static void translate(const rove__entity *entity, const rove__field *field, const char **text,
                      size_t *size) {
    for (size_t i = 0; i < value_synonym_count && field->enumeration != NULL; i++) {
        const value_synonym *s = &value_synonyms[i];
        if (strcmp(s->entity, entity->name) == 0 && strcmp(s->field, field->name) == 0 &&
            value_text_alike(s->theirs, strlen(s->theirs), *text, *size)) {
            *text = s->ours;
            *size = strlen(s->ours);
            return;
        }
    }
}

/* A birthday that was written as a date becomes 1980-02-29; any other text stays, to be judged by its limits. */
static rove_status birthday(rove__arena *arena, const char **text, size_t *size) {
    char iso[ROVE_TIME_TEXT_SIZE];
    int64_t ms = 0;

    if (value_text_instant(*text, *size, &ms) != ROVE_OK) {
        return ROVE_OK;
    }
    rove__time_format(ms, iso);
    *text = rove__arena_copy(arena, iso, 10);
    *size = 10;
    return *text == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove_status take_value(import_job *job, import_item *item, size_t ordinal, int money_digits,
                              csv_field text, rove_error *error) {
    const rove__field *field = &item->row.entity->fields[ordinal];
    rove_value value;
    rove_status status = ROVE_OK;

    translate(item->row.entity, field, &text.text, &text.size);
    if (is_entity(item, &rove__contact__descriptor) && strcmp(field->name, "birthday") == 0) {
        status = birthday(&job->arena, &text.text, &text.size);
    }
    if (status != ROVE_OK) {
        return memory(error);
    }
    status =
        value_text_parse(field, money_digits, text.text, text.size, &job->arena, &value, error);
    if (status == ROVE_OK && value.type != ROVE_NULL) {
        rove__row_set(&item->row, ordinal, value);
    }
    return status;
}

static rove_status copy_text(import_job *job, csv_field text, size_t column, import_text *out,
                             rove_error *error) {
    while (text.size > 0 && (text.text[0] == ' ' || text.text[0] == '\t')) {
        text.text++;
        text.size--;
    }
    while (text.size > 0 && (text.text[text.size - 1] == ' ' || text.text[text.size - 1] == '\t')) {
        text.size--;
    }
    if (!rove__utf8_valid((const uint8_t *)text.text, text.size)) {
        return rove__error_set(error, ROVE_UTF8, "The text is not UTF-8 or contains NUL.");
    }
    if (text.size >= NAME_ROOM) {
        return rove__error_set(error, ROVE_TOO_BIG, "The text has more than %d bytes.",
                               NAME_ROOM - 1);
    }
    *out = (import_text){rove__arena_copy(&job->arena, text.text, text.size), text.size, column};
    return out->text == NULL ? memory(error) : ROVE_OK;
}

/* ---- methods of a contact ------------------------------------------------------------------------------- */

static rove_status add_method(import_job *job, import_item *item, int64_t kind, csv_field text,
                              int ordinal, rove_error *error) {
    const rove__entity *methods =
        rove__registry_by_name(hq_registry(job->file->run->headquarters), "ContactMethod");
    const rove__field *field = &methods->fields[ordinal_of(methods, "value")];
    import_method *method = &item->methods[item->method_count];

    if (text.size == 0 || item->method_count == IMPORT_METHODS_MAX) {
        return ROVE_OK;
    }
    *method = (import_method){.kind = kind, .ordinal = ordinal};
    rove_status status =
        value_text_parse(field, 0, text.text, text.size, &job->arena, &method->value, error);
    item->method_count += status == ROVE_OK;
    return status;
}

/* The main e-mail and telephone are a contact's own fields, and methods, so that consent can be kept of each. */
static rove_status main_method(import_job *job, import_item *item, size_t ordinal, csv_field text,
                               rove_error *error) {
    const char *name = item->row.entity->fields[ordinal].name;

    if (!is_entity(item, &rove__contact__descriptor)) {
        return ROVE_OK;
    }
    if (strcmp(name, "email") == 0) {
        return add_method(job, item, ROVE__CONTACT_METHOD__KIND__EMAIL, text, (int)ordinal, error);
    }
    if (strcmp(name, "phone") == 0) {
        return add_method(job, item, ROVE__CONTACT_METHOD__KIND__PHONE, text, (int)ordinal, error);
    }
    return ROVE_OK;
}

/* ---- columns -------------------------------------------------------------------------------------------- */

static rove_status take_column(import_job *job, import_item *item, size_t column, csv_field text,
                               int money_digits, rove_error *error) {
    const mapping_column *c = &job->file->map.columns[column];
    rove_status status = ROVE_OK;

    if (text.size == 0) {
        return ROVE_OK;
    }
    switch (c->role) {
    case MAPPING_NOTHING:
    case MAPPING_FIRST_NAME:
    case MAPPING_LAST_NAME:
        return ROVE_OK;
    case MAPPING_ACCOUNT:
        return copy_text(job, text, column, &item->account, error);
    case MAPPING_PRICE_LIST:
        return copy_text(job, text, column, &item->price_list, error);
    case MAPPING_METHOD:
        return add_method(job, item, c->kind, text, -1, error);
    case MAPPING_FIELD:
    case MAPPING_CUSTOM:
        break;
    }
    if (c->ordinal < 0) {
        return ROVE_OK; /* a custom field that a dry run did not make */
    }
    if (is_reference(&item->row.entity->fields[c->ordinal])) {
        import_reference *reference = &item->references[item->reference_count];
        reference->ordinal = (size_t)c->ordinal;
        status = copy_text(job, text, column, &reference->name, error);
        item->reference_count += status == ROVE_OK && reference->name.size > 0;
        return status;
    }
    status = take_value(job, item, (size_t)c->ordinal, money_digits, text, error);
    return status == ROVE_OK ? main_method(job, item, (size_t)c->ordinal, text, error) : status;
}

static int money_digits_of(const import_job *job, const csv_record *record) {
    const mapping *m = &job->file->map;

    for (size_t i = 0; i < m->count; i++) {
        if (m->columns[i].ordinal >= 0 && record->fields[i].size == 3 &&
            strcmp(m->entity->fields[m->columns[i].ordinal].name, "currency") == 0) {
            return value_text_money_digits(record->fields[i].text, 3);
        }
    }
    return job->file->run->money_digits;
}

/* ---- what follows from the rest ------------------------------------------------------------------------- */

static int has(const import_item *item, int ordinal) {
    return ordinal >= 0 && rove__bits_get(&item->row.present, (size_t)ordinal);
}

static void add_currency(const import_job *job, import_item *item) {
    int currency = ordinal_of(item->row.entity, "currency");
    int money = 0;

    for (size_t i = 0; i < item->row.cell_count; i++) {
        money |= (item->row.entity->fields[i].flags & ROVE_FIELD_MONEY) != 0 && has(item, (int)i);
    }
    if (money && currency >= 0 && !has(item, currency)) {
        rove__row_set(&item->row, (size_t)currency, rove__value_text(job->file->run->currency));
    }
}

/* A user's name from its parts, or else his login. */
static rove_status add_user_name(import_job *job, import_item *item, const csv_record *record,
                                 rove_error *error) {
    const mapping *m = &job->file->map;
    int name = ordinal_of(item->row.entity, "name");
    int login = ordinal_of(item->row.entity, "login");
    char text[NAME_ROOM] = "";

    if (!is_entity(item, &rove__user__descriptor) || has(item, name)) {
        return ROVE_OK;
    }
    for (int last = 0; last < 2; last++) {
        for (size_t i = 0; i < m->count; i++) {
            mapping_role wanted = last ? MAPPING_LAST_NAME : MAPPING_FIRST_NAME;
            if (m->columns[i].role == wanted && record->fields[i].size > 0) {
                size_t used = strlen(text);
                rove__text_format(text + used, sizeof text - used, "%s%.*s", used > 0 ? " " : "",
                                  (int)record->fields[i].size, record->fields[i].text);
            }
        }
    }
    if (text[0] == '\0' && has(item, login)) {
        rove__row_set(&item->row, (size_t)name, item->row.cells[login]);
        return ROVE_OK;
    }
    return take_value(job, item, (size_t)name, 0, (csv_field){text, strlen(text)}, error);
}

static rove_status check_whole(const import_job *job, const import_item *item, size_t *column,
                               rove_error *error) {
    const mapping *m = &job->file->map;
    size_t size = ROW_OVERHEAD;

    for (size_t i = 0; i < item->row.cell_count; i++) {
        size += item->row.cells[i].type == ROVE_TEXT || item->row.cells[i].type == ROVE_BLOB
                    ? item->row.cells[i].size
                    : 0;
    }
    if (size > ROVE_ROW_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG, "The record is larger than %d bytes.",
                               ROVE_ROW_MAX - ROW_OVERHEAD);
    }
    if (m->key >= 0 && !has(item, m->columns[m->key].ordinal)) {
        *column = (size_t)m->key;
        return rove__error_set(error, ROVE_REQUIRED,
                               "The record has no external id, so it could not be found again.");
    }
    return ROVE_OK;
}

static rove_status start_item(import_job *job, const csv_record *record, import_item *item,
                              size_t *column, rove_error *error) {
    const mapping *m = &job->file->map;

    memset(item, 0, sizeof *item);
    item->at = record->at;
    *column = WHOLE_LINE;
    if (record->count != m->count) {
        return rove__error_set(error, ROVE_INVALID, "The line has %zu columns, the header %zu.",
                               record->count, m->count);
    }
    item->references = rove__arena_take(&job->arena, m->count * sizeof *item->references + 1);
    if (item->references == NULL ||
        rove__row_init(&item->row, m->entity, 0, &job->arena) != ROVE_OK) {
        return memory(error);
    }
    return ROVE_OK;
}

rove_status import_record(import_job *job, const csv_record *record, size_t *column,
                          rove_error *error) {
    import_item *item = &job->items[job->count];
    size_t size = 0;
    rove_status status = start_item(job, record, item, column, error);

    if (status != ROVE_OK) {
        return status;
    }
    int digits = money_digits_of(job, record);
    for (size_t i = 0; i < record->count; i++) {
        status = take_column(job, item, i, record->fields[i], digits, error);
        if (status != ROVE_OK) {
            *column = i;
            return status;
        }
        size += record->fields[i].size;
    }
    status = add_user_name(job, item, record, error);
    if (status == ROVE_OK) {
        add_currency(job, item);
        status = check_whole(job, item, column, error);
    }
    if (status == ROVE_OK) {
        job->count++;
        job->bytes += size;
        job->rows += 2 + item->method_count;
    }
    return status;
}

/* ---- natural keys --------------------------------------------------------------------------------------- */

/* Columns that make the key, in any order of the file's columns. */
static int in_key(const mapping *m, size_t column) {
    static const char *const keys[] = {"user_id", "territory_id", "valid_from", "product_id",
                                       "min_quantity"};
    const mapping_column *c = &m->columns[column];

    if (m->key >= 0) {
        return (size_t)m->key == column;
    }
    if (c->role == MAPPING_PRICE_LIST) {
        return 1;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && c->ordinal >= 0; i++) {
        if (strcmp(m->entity->fields[c->ordinal].name, keys[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

rove_status import_record_key(const import_file *file, const csv_record *record, rove__arena *arena,
                              const char **key, size_t *size) {
    size_t room = 1;
    char *text = NULL;

    *key = "";
    *size = 0;
    if (record->count != file->map.count) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < record->count; i++) {
        room += in_key(&file->map, i) ? record->fields[i].size + 1 : 0;
    }
    text = rove__arena_take(arena, room);
    if (text == NULL) {
        return ROVE_NOMEM;
    }
    *key = text;
    for (size_t i = 0; i < record->count; i++) {
        if (in_key(&file->map, i)) {
            memcpy(text + *size, record->fields[i].text, record->fields[i].size);
            *size += record->fields[i].size;
            text[(*size)++] = '\x1f';
        }
    }
    return ROVE_OK;
}
