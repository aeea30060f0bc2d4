/*
 * client/info.c - what the entities and fields are, for screens and shells that are made from the model.
 *
 * Names live as long as the replica. Fields of an entity may come while an answer is applied.
 */
#include <string.h>

#include "base/text.h"
#include "client/internal.h"

size_t rove_entity_count(const rove *replica) {
    return replica != NULL ? rove__registry_count(rove__store_registry(replica->store)) : 0;
}

const char *rove_entity_name(const rove *replica, size_t position) {
    if (position >= rove_entity_count(replica)) {
        return NULL;
    }
    return rove__registry_at(rove__store_registry(replica->store), position)->name;
}

rove_status rove_entity_table(const rove *replica, const char *entity, const char **table) {
    const rove__entity *known = NULL;

    if (replica == NULL || table == NULL) {
        return ROVE_INVALID;
    }
    *table = NULL;
    rove_status status = rove__client_entity(replica, entity, &known, NULL);
    if (status == ROVE_OK) {
        *table = known->table;
    }
    return status;
}

static const char *target_name(const rove__registry *registry, uint32_t target) {
    if (target == ROVE_TARGET_ROOT) {
        return "any root";
    }
    const rove__entity *entity = target != 0 ? rove__registry_by_number(registry, target) : NULL;
    return entity != NULL ? entity->name : NULL;
}

static void describe(const rove__registry *registry, const rove__field *field,
                     rove_field_info *info) {
    static const char *const kinds[] = {[ROVE_KIND_REGISTER] = "register",
                                        [ROVE_KIND_RANK] = "rank",
                                        [ROVE_KIND_COUNTER] = "counter",
                                        [ROVE_KIND_SET] = "set",
                                        [ROVE_KIND_DERIVED] = "derived"};
    static const char *const writers[] = {[ROVE_WRITER_REP] = "rep",
                                          [ROVE_WRITER_AUTHOR] = "author",
                                          [ROVE_WRITER_HQ] = "headquarters",
                                          [ROVE_WRITER_SEAL] = "seal"};
    unsigned flags = field->flags;

    *info = (rove_field_info){.name = field->name,
                              .type = field->kind == ROVE_KIND_SET ? field->element : field->type,
                              .number = field->number,
                              .kind = kinds[field->kind],
                              .writer = writers[field->writer],
                              .target = target_name(registry, field->target),
                              .min = field->min,
                              .max = field->max,
                              .required = (flags & ROVE_FIELD_REQUIRED) != 0,
                              .instant = (flags & ROVE_FIELD_INSTANT) != 0,
                              .money = (flags & ROVE_FIELD_MONEY) != 0,
                              .boolean = (flags & ROVE_FIELD_BOOLEAN) != 0,
                              .degrees_e7 = (flags & ROVE_FIELD_DEGREES_E7) != 0,
                              .custom = (flags & ROVE_FIELD_CUSTOM) != 0,
                              .picklist = (flags & ROVE_FIELD_PICKLIST) != 0};
}

rove_status rove_field_at(const rove *replica, const char *entity, size_t position,
                          rove_field_info *info) {
    const rove__entity *known = NULL;

    if (replica == NULL || info == NULL) {
        return ROVE_INVALID;
    }
    memset(info, 0, sizeof *info);
    rove_status status = rove__client_entity(replica, entity, &known, NULL);
    if (status != ROVE_OK) {
        return status;
    }
    if (position < known->field_count) {
        describe(rove__store_registry(replica->store), &known->fields[position], info);
    } else {
        status = ROVE_DONE;
    }
    return status;
}

/* A copy of the field that is an enumeration; its descriptor is constant. */
static rove_status enumeration(const rove *replica, const char *entity, const char *field,
                               rove__field *found) {
    const rove__entity *known = NULL;
    rove_status status = rove__client_entity(replica, entity, &known, NULL);

    if (status != ROVE_OK) {
        return status;
    }
    int ordinal = field != NULL ? rove__entity_field_named(known, field) : -1;
    if (ordinal < 0 || known->fields[ordinal].enumeration == NULL) {
        status = ROVE_UNKNOWN_FIELD;
    } else {
        *found = known->fields[ordinal];
    }
    return status;
}

rove_status rove_enum_key(const rove *replica, const char *entity, const char *field, int64_t value,
                          const char **key) {
    rove__field found;

    if (replica == NULL || key == NULL) {
        return ROVE_INVALID;
    }
    *key = NULL;
    rove_status status = enumeration(replica, entity, field, &found);
    if (status == ROVE_OK) {
        *key = rove__field_enum_name(&found, value);
        status = *key != NULL ? ROVE_OK : ROVE_NOT_FOUND;
    }
    return status;
}

rove_status rove_enum_value(const rove *replica, const char *entity, const char *field,
                            const char *key, int64_t *value) {
    rove__field found;

    if (replica == NULL || key == NULL || value == NULL) {
        return ROVE_INVALID;
    }
    *value = 0;
    rove_status status = enumeration(replica, entity, field, &found);
    return status == ROVE_OK ? rove__field_enum_value(&found, key, value) : status;
}
