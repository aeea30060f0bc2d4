/*
 * model/custom.c - custom fields: columns that headquarters adds as data.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "model/registry.h"
#include "model/row.h"

/* Flags that say how an integer is to be read. */
#define INTEGER_FLAGS                                                                              \
    (ROVE_FIELD_MONEY | ROVE_FIELD_INSTANT | ROVE_FIELD_DEGREES_E7 | ROVE_FIELD_BOOLEAN)

static int name_valid(const char *name) {
    size_t size = 0;

    if (name == NULL || name[0] < 'a' || name[0] > 'z') {
        return 0;
    }
    for (; name[size] != '\0'; size++) {
        char c = name[size];
        if (size == ROVE_NAME_MAX ||
            !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return 0;
        }
    }
    return 1;
}

static int flags_valid(const rove__custom *custom) {
    if ((custom->flags & ~(unsigned)ROVE_CUSTOM_FLAGS) != 0) {
        return 0;
    }
    if ((custom->flags & INTEGER_FLAGS) != 0 && custom->type != ROVE_INT) {
        return 0;
    }
    return (custom->flags & ROVE_FIELD_PICKLIST) == 0 || custom->type == ROVE_TEXT;
}

static rove_status custom_check(const rove__custom *custom, rove_error *error) {
    if (custom->number < ROVE_CUSTOM_NUMBER_MIN || custom->number > ROVE_CUSTOM_NUMBER_MAX) {
        return rove__error_set(error, ROVE_RANGE, "Custom fields have numbers from %u to %u.",
                               ROVE_CUSTOM_NUMBER_MIN, ROVE_CUSTOM_NUMBER_MAX);
    }
    if (!name_valid(custom->name)) {
        return rove__error_set(error, ROVE_INVALID,
                               "The name of custom field %u has to be of a-z, 0-9 and _, with a "
                               "letter in front, and at most %d bytes.",
                               custom->number, ROVE_NAME_MAX);
    }
    if ((custom->type != ROVE_INT && custom->type != ROVE_REAL && custom->type != ROVE_TEXT) ||
        !flags_valid(custom)) {
        return rove__error_set(error, ROVE_INVALID,
                               "Type and flags of custom field %s do not go together.",
                               custom->name);
    }
    if (custom->min > custom->max ||
        (custom->type == ROVE_TEXT && (custom->min < 0 || custom->max > ROVE_VALUE_MAX))) {
        return rove__error_set(error, ROVE_RANGE, "The limits of custom field %s are impossible.",
                               custom->name);
    }
    return ROVE_OK;
}

static rove__slot *slot_of(rove__registry *registry, uint32_t entity) {
    for (size_t i = 0; i < registry->count; i++) {
        if (registry->slots[i].entity.number == entity) {
            return &registry->slots[i];
        }
    }
    return NULL;
}

/* The custom field is there already, or its number or name is taken. */
static rove_status custom_redefine(rove__slot *slot, int ordinal, const rove__custom *custom,
                                   rove_error *error) {
    rove__field *field = ordinal < 0 ? NULL : &slot->fields[ordinal];

    if (field == NULL || field->number != custom->number || field->type != custom->type ||
        strcmp(field->name, custom->name) != 0) {
        return rove__error_set(error, ROVE_EXISTS,
                               "The number %u or the name %s is another field of %s already.",
                               custom->number, custom->name, slot->entity.name);
    }
    field->min = custom->min;
    field->max = custom->max;
    field->flags = custom->flags | ROVE_FIELD_CUSTOM;
    return ROVE_OK;
}

static rove_status custom_append(rove__registry *registry, rove__slot *slot,
                                 const rove__custom *custom) {
    rove__field field = {.number = custom->number,
                         .kind = ROVE_KIND_REGISTER,
                         .type = custom->type,
                         .writer = slot->entity.writer == ROVE_WRITER_HQ ? ROVE_WRITER_HQ
                                                                         : ROVE_WRITER_REP,
                         .min = custom->min,
                         .max = custom->max,
                         .flags = custom->flags | ROVE_FIELD_CUSTOM};

    field.name = rove__arena_copy(&registry->arena, custom->name, strlen(custom->name) + 1);
    if (field.name == NULL) {
        return ROVE_NOMEM;
    }
    rove__slot_append(slot, &field);
    return rove__slot_publish(slot, &registry->arena);
}

rove_status rove__registry_add_custom(rove__registry *registry, const rove__custom *custom,
                                      rove_error *error) {
    rove__slot *slot = slot_of(registry, custom->entity);
    rove_status status = custom_check(custom, error);
    int by_number = -1;
    int by_name = -1;

    if (slot == NULL) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY,
                               "Custom field %u belongs to entity %u, which this build does not "
                               "know.",
                               custom->number, custom->entity);
    }
    if (status != ROVE_OK) {
        return status;
    }
    by_number = rove__entity_field(&slot->entity, custom->number);
    by_name = rove__entity_field_named(&slot->entity, custom->name);
    if (by_number >= 0 || by_name >= 0 || strcmp(custom->name, "id") == 0) {
        return custom_redefine(slot, by_number, custom, error);
    }
    if (slot->entity.field_count == ROVE_FIELDS_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG, "%s has %d fields already.", slot->entity.name,
                               ROVE_FIELDS_MAX);
    }
    return custom_append(registry, slot, custom);
}

/* A cell of CustomField by its number in entities.proto; NULL where it is absent. */
static rove_value cell_of(const rove__row *row, uint32_t number) {
    int ordinal = rove__entity_field(row->entity, number);

    return ordinal < 0 ? rove__value_null() : row->cells[ordinal];
}

static int64_t integer_of(const rove__row *row, uint32_t number, int64_t absent) {
    rove_value value = cell_of(row, number);

    return value.type == ROVE_INT ? value.as.integer : absent;
}

rove_status rove__registry_add_custom_row(rove__registry *registry, const rove__row *row,
                                          rove_error *error) {
    rove_value name = cell_of(row, 4);
    int64_t entity = integer_of(row, 2, 0);
    int64_t number = integer_of(row, 3, 0);
    int64_t type = integer_of(row, 6, 0);
    char text[ROVE_NAME_MAX + 1] = {0};
    rove__custom custom = {.name = text};

    if (name.type != ROVE_TEXT || name.size > ROVE_NAME_MAX || entity <= 0 || entity > UINT16_MAX ||
        number <= 0 || number > UINT16_MAX || type < ROVE_INT || type > ROVE_TEXT) {
        return rove__error_set(error, ROVE_INVALID,
                               "A custom field needs an entity, a number, a name and a type.");
    }
    if (name.size > 0) {
        memcpy(text, name.as.data, name.size);
    }
    custom.entity = (uint32_t)entity;
    custom.number = (uint32_t)number;
    custom.type = (rove_type)type; /* CustomField.Type has the values of rove_type */
    custom.min = integer_of(row, 7, type == ROVE_TEXT ? 0 : INT64_MIN);
    custom.max = integer_of(row, 8, type == ROVE_TEXT ? ROVE_VALUE_MAX : INT64_MAX);
    custom.flags = (unsigned)integer_of(row, 9, 0);
    return rove__registry_add_custom(registry, &custom, error);
}
