/*
 * import/custom.c - see custom.h.
 */
#include "import/custom.h"

#include <string.h>

#include "base/text.h"

#define INTEGER_DIGITS_MAX 18
#define REAL_SIZE_MAX      40
#define ARENA_MAX          ((size_t)64 * 1024)

/* ---- types ---------------------------------------------------------------------------------------------- */

/* Digits from `at` on. */
static size_t digits(const char *text, size_t size, size_t at) {
    size_t count = 0;

    while (at + count < size && text[at + count] >= '0' && text[at + count] <= '9') {
        count++;
    }
    return count;
}

void custom_look(custom_guess *guess, const char *text, size_t size) {
    static const char *const booleans[] = {"true", "TRUE", "True", "false", "FALSE", "False"};
    int boolean = 0;

    if (size == 0) {
        return;
    }
    guess->any = 1;
    for (size_t i = 0; i < sizeof booleans / sizeof booleans[0]; i++) {
        boolean |= strlen(booleans[i]) == size && memcmp(booleans[i], text, size) == 0;
    }
    guess->no_boolean |= !boolean;
    size_t sign = text[0] == '-';
    size_t whole = digits(text, size, sign);
    int padded = whole > 1 && text[sign] == '0';
    size_t after = sign + whole;
    size_t fraction = after < size && text[after] == '.' ? digits(text, size, after + 1) : 0;
    guess->no_integer |= padded || whole == 0 || whole > INTEGER_DIGITS_MAX || after != size;
    guess->no_real |=
        padded || size > REAL_SIZE_MAX ||
        !((whole > 0 && after == size) || (fraction > 0 && after + 1 + fraction == size));
}

rove__custom custom_fitting(const custom_guess *guess) {
    rove__custom custom = {.type = ROVE_TEXT, .min = 0, .max = ROVE_VALUE_MAX};

    if (guess->any && !guess->no_boolean) {
        custom = (rove__custom){.type = ROVE_INT, .min = 0, .max = 1, .flags = ROVE_FIELD_BOOLEAN};
    } else if (guess->any && (!guess->no_integer || !guess->no_real)) {
        custom = (rove__custom){
            .type = guess->no_integer ? ROVE_REAL : ROVE_INT, .min = INT64_MIN, .max = INT64_MAX};
    }
    return custom;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

typedef struct making {
    hq *headquarters;
    const hq_io *io;
    mapping *m;
    const custom_guess *guesses;
    size_t made;
} making;

static uint32_t next_number(const rove__entity *entity) {
    uint32_t next = ROVE_CUSTOM_NUMBER_MIN;

    for (size_t i = 0; i < entity->field_count; i++) {
        const rove__field *field = &entity->fields[i];
        if ((field->flags & ROVE_FIELD_CUSTOM) != 0 && field->number >= next) {
            next = field->number + 1;
        }
    }
    return next;
}

static void set_named(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

/* The row that says it, then the field, then its column. */
static rove_status make_one(making *self, rove__hq_tx *tx, rove__writer *writer,
                            const mapping_column *column, const rove__custom *custom,
                            rove_error *error) {
    rove__registry *registry = hq_registry(self->headquarters);
    rove__arena arena;
    rove__row row;

    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        rove__row_init(&row, rove__registry_by_name(registry, "CustomField"), 0, &arena);
    if (status == ROVE_OK) {
        set_named(&row, "entity", rove__value_int(custom->entity));
        set_named(&row, "number", rove__value_int(custom->number));
        set_named(&row, "name", rove__value_text(custom->name));
        set_named(&row, "label", rove__value_text(column->header));
        set_named(&row, "type", rove__value_int(custom->type));
        set_named(&row, "min", rove__value_int(custom->min));
        set_named(&row, "max", rove__value_int(custom->max));
        set_named(&row, "flags", rove__value_int(custom->flags));
        status = rove__writer_insert(writer, &row, error);
    }
    if (status == ROVE_OK) {
        status = rove__registry_add_custom(registry, custom, error);
    }
    if (status == ROVE_OK) {
        status = hq_database(self->headquarters)->widen(tx, self->m->entity, error);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status make_all(void *ctx, rove__hq_tx *tx, rove_error *error) {
    making *self = ctx;
    const rove__entity *entity = self->m->entity;
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    rove_status status =
        hq_writer(self->headquarters, tx, self->io->operator_name, "import", &writer, error);

    self->made = 0;
    for (size_t i = 0; i < self->m->count && status == ROVE_OK; i++) {
        const mapping_column *column = &self->m->columns[i];
        if (column->role != MAPPING_CUSTOM || column->ordinal >= 0) {
            continue;
        }
        /* Here already if this job ran before and was undone. */
        int known = rove__entity_field_named(entity, column->custom);
        rove__custom custom = custom_fitting(&self->guesses[i]);
        custom.entity = entity->number;
        custom.number = known >= 0 ? entity->fields[known].number : next_number(entity);
        custom.name = column->custom;
        status = make_one(self, tx, writer, column, &custom, error);
        self->made++;
    }
    if (status == ROVE_OK) {
        return rove__writer_finish(writer, &seq, error);
    }
    rove__writer_abandon(writer);
    return status;
}

/* ---- what is defined ------------------------------------------------------------------------------------ */

static rove_status each_definition(void *ctx, const rove__hq_row *row) {
    mapping *m = ctx;
    rove_value name = row->row.cells[rove__entity_field_named(row->row.entity, "name")];

    for (size_t i = 0; i < m->count && name.type == ROVE_TEXT; i++) {
        mapping_column *column = &m->columns[i];
        if (column->role == MAPPING_CUSTOM && strlen(column->custom) == name.size &&
            memcmp(column->custom, name.as.data, name.size) == 0) {
            column->ordinal = rove__entity_field_named(m->entity, column->custom);
        }
    }
    return ROVE_OK;
}

typedef struct looking {
    hq *headquarters;
    mapping *m;
} looking;

static rove_status find_definitions(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const looking *self = ctx;
    const rove__entity *custom =
        rove__registry_by_name(hq_registry(self->headquarters), "CustomField");
    rove_value entity = rove__value_int(self->m->entity->number);
    rove__arena arena;

    (void)error;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)
            ->directory.row_find(tx, custom->number, rove__entity_field_named(custom, "entity"),
                                 &entity, &arena, each_definition, self->m);
    rove__arena_free(&arena);
    return status;
}

rove_status custom_find(hq *headquarters, mapping *m, rove_error *error) {
    looking self = {headquarters, m};
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++) {
        mapping_column *column = &m->columns[i];
        if (column->role == MAPPING_CUSTOM && column->ordinal >= 0 &&
            (m->entity->fields[column->ordinal].flags & ROVE_FIELD_CUSTOM) != 0) {
            column->ordinal = -1;
            count++;
        }
    }
    return count == 0 ? ROVE_OK : hq_read(headquarters, find_definitions, &self, error);
}

/* ---- all ------------------------------------------------------------------------------------------------ */

size_t custom_missing(const mapping *m) {
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++) {
        count += m->columns[i].role == MAPPING_CUSTOM && m->columns[i].ordinal < 0;
    }
    return count;
}

rove_status custom_make(hq *headquarters, const hq_io *io, mapping *m, const custom_guess *guesses,
                        size_t *made, rove_error *error) {
    making self = {headquarters, io, m, guesses, 0};
    rove_status status = ROVE_OK;

    *made = 0;
    if (custom_missing(m) > 0) {
        hq_schema_change_begin(headquarters);
        status = hq_commit(headquarters, make_all, &self, error);
        hq_schema_change_end(headquarters);
        *made = self.made;
    }
    for (size_t i = 0; i < m->count && status == ROVE_OK; i++) {
        if (m->columns[i].role == MAPPING_CUSTOM) {
            m->columns[i].ordinal = rove__entity_field_named(m->entity, m->columns[i].custom);
        }
    }
    return status;
}
