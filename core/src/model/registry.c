/*
 * model/registry.c - builds the registry from the descriptors of entities.proto and from traits.def.
 *
 * The descriptors say which fields there are, with which numbers and types; traits.def says the rest and
 * holds the column names. Ordinals: the plain fields ascending by number, then those of nested messages,
 * which have larger numbers, then custom fields as they come.
 */
#include "model/registry.h"

#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "rove/entities.pb-c.h"

/* ------------------------------------------------------------------------------------- traits.def */

typedef struct entity_trait {
    uint32_t number;
    const char *name;
    const char *table;
    const ProtobufCMessageDescriptor *message;
    rove__scope_kind scope;
    const char *scope_field;
    const char *part_field;
    const char *seal_field;
    rove__write_class writer;
    unsigned flags;
} entity_trait;

typedef struct field_trait {
    const char *entity;
    const char *column;
    rove__kind kind;
    rove__write_class writer;
    int64_t min;
    int64_t max;
    const char *target;
    unsigned flags;
    unsigned search;
} field_trait;

typedef struct index_trait {
    const char *entity;
    const char *columns[3];
} index_trait;

/* The words of traits.def. */
enum {
    REQUIRED = ROVE_FIELD_REQUIRED,
    PICKLIST = ROVE_FIELD_PICKLIST,
    SENSITIVE = ROVE_FIELD_SENSITIVE,
    MONEY = ROVE_FIELD_MONEY,
    INSTANT = ROVE_FIELD_INSTANT,
    DEGREES_E7 = ROVE_FIELD_DEGREES_E7,
    BOOLEAN = ROVE_FIELD_BOOLEAN,
    APPEND_ONLY = ROVE_ENTITY_APPEND_ONLY
};
#define ID_MAX    INT64_MAX
#define TIME_MIN  (-INT64_C(62135596800000)) /* year 1 */
#define TIME_MAX  INT64_C(253402300799999)   /* the end of year 9999 */
#define MONEY_MAX INT64_C(1000000000000000)  /* ten million million units of two decimals */
#define MONEY_MIN (-MONEY_MAX)

/* clang-format off */
#define FIELD(...)
#define INDEX(...)
#define ENTITY(number_, message_, table_, scope_, scope_field_, part_, seal_, writer_, flags_) \
    {number_, #message_, #table_, &rove__##table_##__descriptor, ROVE_SCOPE_##scope_, \
     #scope_field_, #part_, #seal_, ROVE_WRITER_##writer_, flags_},
static const entity_trait ENTITY_TRAITS[] = {
#include "model/traits.def"
};
#undef ENTITY
#undef FIELD
#define ENTITY(...)
#define FIELD(message_, column_, kind_, writer_, min_, max_, target_, flags_, search_) \
    {#message_, #column_, ROVE_KIND_##kind_, ROVE_WRITER_##writer_, min_, max_, #target_, \
     flags_, search_},
static const field_trait FIELD_TRAITS[] = {
#include "model/traits.def"
};
#undef FIELD
#undef INDEX
#define FIELD(...)
#define INDEX(message_, a_, b_, c_) {#message_, {#a_, #b_, #c_}},
static const index_trait INDEX_TRAITS[] = {
#include "model/traits.def"
};
#undef ENTITY
#undef FIELD
#undef INDEX
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
ROVE_STATIC_ASSERT(COUNT(ENTITY_TRAITS) <= ROVE_ENTITIES_MAX, "ROVE_ENTITIES_MAX");

static int is_none(const char *word) {
    return strcmp(word, "NONE") == 0;
}

/* "billing_city" is the name of billing.city. */
static int names_field(const char *column, const ProtobufCFieldDescriptor *outer,
                       const ProtobufCFieldDescriptor *inner) {
    if (outer != NULL) {
        size_t size = strlen(outer->name);
        if (strncmp(column, outer->name, size) != 0 || column[size] != '_') {
            return 0;
        }
        column += size + 1;
    }
    return strcmp(column, inner->name) == 0;
}

/* Looks on from where the last one was found: both lists have one order. */
static const field_trait *trait_find(const char *entity, const ProtobufCFieldDescriptor *outer,
                                     const ProtobufCFieldDescriptor *inner, size_t *from) {
    for (size_t i = 0; i < COUNT(FIELD_TRAITS); i++) {
        size_t at = (*from + i) % COUNT(FIELD_TRAITS);
        if (strcmp(FIELD_TRAITS[at].entity, entity) == 0 &&
            names_field(FIELD_TRAITS[at].column, outer, inner)) {
            *from = at;
            return &FIELD_TRAITS[at];
        }
    }
    return NULL;
}

static uint32_t target_number(const char *target) {
    if (is_none(target)) {
        return 0;
    }
    if (strcmp(target, "ROOT") == 0) {
        return ROVE_TARGET_ROOT;
    }
    for (size_t i = 0; i < COUNT(ENTITY_TRAITS); i++) {
        if (strcmp(ENTITY_TRAITS[i].name, target) == 0) {
            return ENTITY_TRAITS[i].number;
        }
    }
    ROVE_ASSERT(0 && "traits.def names an unknown target");
    return 0;
}

/* ------------------------------------------------------------------------------------- fields */

static rove_type column_type(const ProtobufCFieldDescriptor *descriptor) {
    switch (descriptor->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return ROVE_INT;
    case PROTOBUF_C_TYPE_STRING:
        return ROVE_TEXT;
    case PROTOBUF_C_TYPE_BYTES:
        return ROVE_BLOB;
    default:
        ROVE_ASSERT(0 && "a type that no field of entities.proto may have");
        return ROVE_NULL;
    }
}

/* What descriptor and trait have to agree on. */
static void check_field(const rove__field *field) {
    int repeated = field->descriptor->label == PROTOBUF_C_LABEL_REPEATED;

    ROVE_ASSERT(field->min <= field->max);
    ROVE_ASSERT(repeated == (field->kind == ROVE_KIND_SET));
    ROVE_ASSERT(!repeated || field->outer == NULL);
    ROVE_ASSERT(field->kind != ROVE_KIND_RANK || field->enumeration != NULL);
    ROVE_ASSERT(field->kind != ROVE_KIND_COUNTER || field->type == ROVE_INT);
    ROVE_ASSERT(strlen(field->name) <= ROVE_NAME_MAX);
    (void)repeated;
}

static void add_field(rove__slot *slot, const ProtobufCFieldDescriptor *outer,
                      const ProtobufCFieldDescriptor *inner, size_t *from) {
    const field_trait *trait = trait_find(slot->entity.name, outer, inner, from);
    rove__field field = {.descriptor = inner, .outer = outer};

    ROVE_ASSERT(trait != NULL && "a field of entities.proto has no line in traits.def");
    if (trait == NULL) {
        return;
    }
    field.number = outer == NULL ? inner->id : outer->id << 16 | inner->id;
    field.name = trait->column;
    field.kind = trait->kind;
    field.type = column_type(inner);
    if (inner->label == PROTOBUF_C_LABEL_REPEATED) {
        field.element = field.type;
        field.type = ROVE_BLOB;
    }
    field.writer = trait->writer;
    field.min = trait->min;
    field.max = trait->max;
    field.target = target_number(trait->target);
    field.flags = trait->flags;
    field.search = trait->search;
    if (inner->type == PROTOBUF_C_TYPE_ENUM) {
        field.enumeration = inner->descriptor;
    }
    check_field(&field);
    rove__slot_append(slot, &field);
}

/* All fields of a message but its id: first the plain ones, then (nested) those of nested messages. */
static void add_fields(rove__slot *slot, int nested, size_t *from) {
    const ProtobufCMessageDescriptor *message = slot->entity.message;

    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *outer = &message->fields[i];
        int is_message = outer->type == PROTOBUF_C_TYPE_MESSAGE;
        const ProtobufCMessageDescriptor *inner = is_message ? outer->descriptor : NULL;
        if (outer->id == 1 || is_message != nested) {
            continue;
        }
        ROVE_ASSERT(outer->id < ROVE_CUSTOM_NUMBER_MIN);
        if (!is_message) {
            add_field(slot, NULL, outer, from);
            continue;
        }
        for (unsigned k = 0; k < inner->n_fields; k++) {
            add_field(slot, outer, &inner->fields[k], from);
        }
    }
}

/* ------------------------------------------------------------------------------------- publishing */

void rove__slot_append(rove__slot *slot, const rove__field *field) {
    ROVE_ASSERT(slot->count < ROVE_FIELDS_MAX);
    slot->fields[slot->count++] = *field;
}

rove_status rove__slot_publish(rove__slot *slot, rove__arena *arena) {
    rove__order *order =
        rove__arena_take(arena, sizeof *order + slot->count * sizeof *order->ordinals);

    if (order == NULL) {
        slot->count = slot->entity.field_count;
        return ROVE_NOMEM;
    }
    order->count = slot->count;
    for (size_t i = 0; i < slot->count; i++) {
        size_t at = i;
        for (; at > 0 && slot->fields[order->ordinals[at - 1]].number > slot->fields[i].number;
             at--) {
            order->ordinals[at] = order->ordinals[at - 1];
        }
        order->ordinals[at] = (uint16_t)i;
    }
    slot->entity.field_count = slot->count;
    slot->entity.by_number = order;
    return ROVE_OK;
}

/* ------------------------------------------------------------------------------------- indexes */

/* Appends a column to an index's name, without the "_id" at its end. */
static size_t name_append(char *name, size_t size, const char *column) {
    size_t length = strlen(column);

    if (length > 3 && strcmp(column + length - 3, "_id") == 0) {
        length -= 3;
    }
    name[size++] = '_';
    memcpy(name + size, column, length);
    return size + length;
}

/* "visit_by_account_planned_start" */
static const char *index_name(rove__registry *registry, const rove__entity *entity,
                              const index_trait *trait) {
    size_t size = strlen(entity->table);
    char *name = rove__arena_take(&registry->arena, size + 3 + 3 * (ROVE_NAME_MAX + 1) + 1);

    if (name == NULL) {
        return NULL;
    }
    memcpy(name, entity->table, size);
    size = name_append(name, size, "by");
    for (size_t i = 0; i < 3 && !is_none(trait->columns[i]); i++) {
        size = name_append(name, size, trait->columns[i]);
    }
    name[size] = '\0';
    return name;
}

static rove_status add_indexes(rove__registry *registry, rove__entity *entity) {
    rove__index *indexes =
        rove__arena_take(&registry->arena, sizeof *indexes * COUNT(INDEX_TRAITS));
    size_t count = 0;

    if (indexes == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < COUNT(INDEX_TRAITS); i++) {
        const index_trait *trait = &INDEX_TRAITS[i];
        if (strcmp(trait->entity, entity->name) != 0) {
            continue;
        }
        indexes[count].name = index_name(registry, entity, trait);
        if (indexes[count].name == NULL) {
            return ROVE_NOMEM;
        }
        for (size_t k = 0; k < 3; k++) {
            indexes[count].fields[k] = rove__entity_field_named(entity, trait->columns[k]);
            ROVE_ASSERT((indexes[count].fields[k] < 0) == is_none(trait->columns[k]));
        }
        count++;
    }
    entity->indexes = indexes;
    entity->index_count = count;
    return ROVE_OK;
}

/* ------------------------------------------------------------------------------------- registry */

/* The ordinal of a column that an ENTITY line names; -1 for NONE. */
static int named_field(const rove__entity *entity, const char *column, unsigned flags) {
    int ordinal = rove__entity_field_named(entity, column);

    ROVE_ASSERT((ordinal < 0) == is_none(column));
    ROVE_ASSERT(ordinal < 0 || (entity->fields[ordinal].flags & flags) == flags);
    (void)flags;
    return ordinal;
}

static rove_status add_entity(rove__registry *registry, const entity_trait *trait, size_t *from) {
    rove__slot *slot = &registry->slots[registry->count];
    rove__entity *entity = &slot->entity;
    rove_status status = ROVE_OK;

    entity->number = trait->number;
    entity->name = trait->name;
    entity->table = trait->table;
    entity->message = trait->message;
    entity->scope = trait->scope;
    entity->writer = trait->writer;
    entity->flags = trait->flags;
    if (trait->writer == ROVE_WRITER_HQ) {
        entity->flags |= ROVE_ENTITY_HQ_ONLY;
    }
    slot->fields = rove__arena_take(&registry->arena, ROVE_FIELDS_MAX * sizeof *slot->fields);
    if (slot->fields == NULL) {
        return ROVE_NOMEM;
    }
    entity->fields = slot->fields;
    add_fields(slot, 0, from);
    add_fields(slot, 1, from);
    status = rove__slot_publish(slot, &registry->arena);
    if (status == ROVE_OK) {
        status = add_indexes(registry, entity);
    }
    if (status != ROVE_OK) {
        return status;
    }
    entity->scope_field = named_field(entity, trait->scope_field, 0);
    entity->part_field = named_field(entity, trait->part_field, ROVE_FIELD_INSTANT);
    entity->seal_field = named_field(entity, trait->seal_field, ROVE_FIELD_INSTANT);
    ROVE_ASSERT((entity->scope_field >= 0) ==
                (trait->scope == ROVE_SCOPE_FIELD || trait->scope == ROVE_SCOPE_PARENT));
    ROVE_ASSERT(entity->scope_field < 0 || entity->fields[entity->scope_field].target != 0);
    registry->count++;
    return ROVE_OK;
}

/* Every line of traits.def was used: none names a field that does not exist. */
static void check_complete(const rove__registry *registry) {
    size_t fields = 0;
    size_t indexes = 0;

    for (size_t i = 0; i < registry->count; i++) {
        fields += registry->slots[i].entity.field_count;
        indexes += registry->slots[i].entity.index_count;
        ROVE_ASSERT(i == 0 || registry->slots[i - 1].entity.number < ENTITY_TRAITS[i].number);
    }
    ROVE_ASSERT(fields == COUNT(FIELD_TRAITS) && indexes == COUNT(INDEX_TRAITS));
    (void)fields;
    (void)indexes;
}

rove_status rove__registry_new(const rove_allocator *allocator, rove__registry **out) {
    rove__registry *registry = NULL;
    rove_status status = ROVE_OK;
    size_t from = 0; /* the line of a field's traits */

    *out = NULL;
    registry = rove__alloc_zeroed(allocator, 1, sizeof *registry);
    if (registry == NULL) {
        return ROVE_NOMEM;
    }
    rove__arena_init(&registry->arena, allocator, ROVE_REGISTRY_MAX);
    for (size_t i = 0; i < COUNT(ENTITY_TRAITS) && status == ROVE_OK; i++) {
        status = add_entity(registry, &ENTITY_TRAITS[i], &from);
    }
    if (status != ROVE_OK) {
        rove__registry_free(registry);
        return status;
    }
    check_complete(registry);
    *out = registry;
    return ROVE_OK;
}

void rove__registry_free(rove__registry *registry) {
    if (registry != NULL) {
        const rove_allocator *allocator = registry->arena.allocator;
        rove__arena_free(&registry->arena);
        rove__free(allocator, registry);
    }
}

size_t rove__registry_count(const rove__registry *registry) {
    return registry->count;
}

const rove__entity *rove__registry_at(const rove__registry *registry, size_t position) {
    ROVE_ASSERT(position < registry->count);
    return &registry->slots[position].entity;
}

const rove__entity *rove__registry_by_number(const rove__registry *registry, uint32_t number) {
    size_t low = 0;
    size_t high = registry->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (registry->slots[middle].entity.number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == registry->count || registry->slots[low].entity.number != number) {
        return NULL;
    }
    return &registry->slots[low].entity;
}

const rove__entity *rove__registry_by_name(const rove__registry *registry, const char *name) {
    for (size_t i = 0; i < registry->count; i++) {
        const rove__entity *entity = &registry->slots[i].entity;
        if (strcmp(entity->name, name) == 0 || strcmp(entity->table, name) == 0) {
            return entity;
        }
    }
    return NULL;
}

const rove__entity *rove__registry_by_message(const rove__registry *registry,
                                              const ProtobufCMessageDescriptor *message) {
    for (size_t i = 0; i < registry->count; i++) {
        if (registry->slots[i].entity.message == message) {
            return &registry->slots[i].entity;
        }
    }
    return NULL;
}

int rove__entity_field(const rove__entity *entity, uint32_t number) {
    const rove__order *order = entity->by_number;
    const rove__field *fields = entity->fields;
    size_t low = 0;
    size_t high = order->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fields[order->ordinals[middle]].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == order->count || fields[order->ordinals[low]].number != number) {
        return -1;
    }
    return order->ordinals[low];
}

int rove__entity_field_named(const rove__entity *entity, const char *name) {
    size_t count = entity->field_count;
    const rove__field *fields = entity->fields;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *rove__field_enum_name(const rove__field *field, int64_t value) {
    const ProtobufCEnumValue *found = NULL;

    if (field->enumeration == NULL || value < INT_MIN || value > INT_MAX) {
        return NULL;
    }
    found = protobuf_c_enum_descriptor_get_value(field->enumeration, (int)value);
    return found == NULL ? NULL : found->name;
}

rove_status rove__field_enum_value(const rove__field *field, const char *name, int64_t *value) {
    const ProtobufCEnumValue *found = NULL;

    *value = 0;
    if (field->enumeration != NULL) {
        found = protobuf_c_enum_descriptor_get_value_by_name(field->enumeration, name);
    }
    if (found == NULL) {
        return ROVE_NOT_FOUND;
    }
    *value = found->value;
    return ROVE_OK;
}
