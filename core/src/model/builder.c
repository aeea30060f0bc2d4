/*
 * model/builder.c - a row from protobuf's wire format (unpack.c adds the generated structs).
 *
 *   field = tag:varint (number << 3 | wire type), then varint | 8 bytes, little-endian | size:varint bytes
 *
 * Protobuf allows varints that are longer than needed, fields in any order, a singular field twice (the
 * last counts, nested messages add up) and repeated integers packed or single; all of that is accepted.
 * Bytes are read here, and not by protobuf_c_message_unpack, because that one cuts a text at a NUL without a word.
 */
#include "model/builder.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "model/set.h"

#define WIRE_VARINT  0u
#define WIRE_FIXED64 1u
#define WIRE_BYTES   2u
#define NUMBER_MAX   65535u

typedef struct rove__elements {
    rove_value *values; /* arena */
    size_t count;
    size_t capacity;
} rove__elements;

rove_status rove__builder_init(rove__row_builder *builder, rove__row *row,
                               const rove__entity *entity, rove__arena *arena, rove_error *error) {
    ROVE_ASSERT(entity != NULL);
    *builder = (rove__row_builder){.row = row, .arena = arena, .error = error};
    return rove__row_init(row, entity, 0, arena);
}

static rove_status refuse(const rove__row_builder *builder, const char *field, rove_status status) {
    return rove__error_set(builder->error, status, "%s.%s: %s", builder->row->entity->name, field,
                           rove_status_text(status));
}

/* Only NaN and the infinities differ from themselves by something else than 0. */
static int real_finite(double real) {
    return real - real == 0;
}

/* ------------------------------------------------------------------------------------- cells */

static rove_status element_add(rove__row_builder *builder, size_t ordinal, rove_value value) {
    size_t cell_count = builder->row->cell_count;
    rove__elements *set = NULL;

    if (builder->sets == NULL) {
        builder->sets = rove__arena_take(builder->arena, cell_count * sizeof *builder->sets);
        if (builder->sets == NULL) {
            return ROVE_NOMEM;
        }
        memset(builder->sets, 0, cell_count * sizeof *builder->sets);
    }
    set = &builder->sets[ordinal];
    if (set->count == ROVE_SET_ELEMENTS_MAX || value.size > ROVE_SET_TEXT_MAX) {
        return rove__error_set(builder->error, ROVE_TOO_BIG,
                               "%s.%s has more than %d elements, or one of more than %d bytes.",
                               builder->row->entity->name,
                               builder->row->entity->fields[ordinal].name, ROVE_SET_ELEMENTS_MAX,
                               ROVE_SET_TEXT_MAX);
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;
        rove_value *values = rove__arena_take(builder->arena, capacity * sizeof *values);
        if (values == NULL) {
            return ROVE_NOMEM;
        }
        if (set->count > 0) {
            memcpy(values, set->values, set->count * sizeof *values);
        }
        set->values = values;
        set->capacity = capacity;
    }
    set->values[set->count++] = value;
    return ROVE_OK;
}

static int is_32_bits(const rove__field *field) {
    return field->descriptor != NULL && (field->descriptor->type == PROTOBUF_C_TYPE_INT32 ||
                                         field->descriptor->type == PROTOBUF_C_TYPE_SINT32 ||
                                         field->descriptor->type == PROTOBUF_C_TYPE_ENUM);
}

static rove_status integer_check(const rove__field *field, int64_t integer) {
    if (is_32_bits(field) && (integer < INT32_MIN || integer > INT32_MAX)) {
        return ROVE_RANGE;
    }
    if (field->enumeration != NULL && rove__field_enum_name(field, integer) == NULL) {
        return ROVE_RANGE;
    }
    return ROVE_OK;
}

/* Copies the bytes of a value into the arena. */
static rove_status value_keep(rove__row_builder *builder, rove_value *value) {
    if (value->size > 0) {
        value->as.data = rove__arena_copy(builder->arena, value->as.data, value->size);
        return value->as.data == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    return ROVE_OK;
}

rove_status rove__builder_value(rove__row_builder *builder, size_t ordinal, rove_value value) {
    const rove__entity *entity = builder->row->entity;
    const rove__field *field = &entity->fields[ordinal];
    rove_status status = ROVE_OK;

    switch (value.type) {
    case ROVE_INT:
        status = integer_check(field, value.as.integer);
        break;
    case ROVE_REAL:
        status = real_finite(value.as.real) ? ROVE_OK : ROVE_RANGE;
        value.as.real += 0.0; /* turns -0.0 into 0.0 */
        break;
    case ROVE_TEXT:
        status = rove__utf8_valid(value.as.data, value.size) ? ROVE_OK : ROVE_UTF8;
        break;
    default:
        break;
    }
    if (status == ROVE_OK && value.size > ROVE_VALUE_MAX) {
        status = ROVE_TOO_BIG;
    }
    if (status != ROVE_OK) {
        return refuse(builder, field->name, status);
    }
    if (field->kind == ROVE_KIND_SET) {
        return element_add(builder, ordinal, value);
    }
    status = value_keep(builder, &value);
    if (status == ROVE_OK) {
        rove__row_set(builder->row, ordinal, value);
    }
    return status;
}

rove_status rove__builder_id(rove__row_builder *builder, int64_t id) {
    builder->row->id = id;
    return id < 0 ? refuse(builder, "id", ROVE_RANGE) : ROVE_OK;
}

/* ------------------------------------------------------------------------------------- wire format */

typedef struct packed_field {
    uint32_t number;
    unsigned wire;
    uint64_t integer; /* VARINT; the bits of FIXED64 */
    const uint8_t *data;
    size_t size;
} packed_field;

/* As protobuf has it: of up to ten bytes, not necessarily the shortest form, bits past the 64th dropped. */
static uint64_t read_varint(rove__reader *reader) {
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = rove__reader_byte(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    rove__reader_fail(reader, ROVE_PROTOCOL);
    return 0;
}

static uint64_t read_fixed64(rove__reader *reader) {
    uint64_t big = rove__reader_u64(reader);
    uint64_t little = 0;

    for (int i = 0; i < 8; i++) {
        little = little << 8 | (big >> (8 * i) & 0xff);
    }
    return little;
}

static rove_status read_field(rove__row_builder *builder, rove__reader *reader,
                              packed_field *field) {
    uint64_t tag = read_varint(reader);
    uint64_t size = 0;

    *field = (packed_field){.number = (uint32_t)(tag >> 3), .wire = (unsigned)(tag & 7)};
    switch (field->wire) {
    case WIRE_VARINT:
        field->integer = read_varint(reader);
        break;
    case WIRE_FIXED64:
        field->integer = read_fixed64(reader);
        break;
    case WIRE_BYTES:
        size = read_varint(reader);
        if (size > rove__reader_left(reader)) {
            rove__reader_fail(reader, ROVE_PROTOCOL);
            break;
        }
        field->size = (size_t)size;
        field->data = rove__reader_take(reader, field->size);
        break;
    default:
        rove__reader_fail(reader, ROVE_PROTOCOL);
        break;
    }
    if (rove__reader_status(reader) != ROVE_OK) {
        return rove__error_set(builder->error, ROVE_INVALID, "These bytes are no packed %s.",
                               builder->row->entity->name);
    }
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) {
        return rove__error_set(builder->error, ROVE_UNKNOWN_FIELD,
                               "%s has a field with an impossible number.",
                               builder->row->entity->name);
    }
    return ROVE_OK;
}

static rove_value real_value(uint64_t bits) {
    double real = 0;

    memcpy(&real, &bits, sizeof real);
    return rove__value_real(real);
}

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* How a field is encoded, by its descriptor or, of a custom one, by its type. */
static ProtobufCType wire_type(const rove__field *field) {
    if (field->descriptor != NULL) {
        return field->descriptor->type;
    }
    if (field->type == ROVE_TEXT) {
        return PROTOBUF_C_TYPE_STRING;
    }
    return field->type == ROVE_REAL ? PROTOBUF_C_TYPE_DOUBLE : PROTOBUF_C_TYPE_INT64;
}

static int64_t integer_of(ProtobufCType type, uint64_t raw) {
    if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64) {
        return unzigzag(raw);
    }
    if (type == PROTOBUF_C_TYPE_BOOL) {
        return raw != 0;
    }
    return (int64_t)raw;
}

static rove_status add_packed_integers(rove__row_builder *builder, size_t ordinal,
                                       const packed_field *packed) {
    ProtobufCType type = wire_type(&builder->row->entity->fields[ordinal]);
    rove_status status = ROVE_OK;
    rove__reader reader;

    rove__reader_init(&reader, packed->data, packed->size);
    while (rove__reader_left(&reader) > 0 && status == ROVE_OK) {
        uint64_t raw = read_varint(&reader);
        if (rove__reader_status(&reader) != ROVE_OK) {
            return refuse(builder, builder->row->entity->fields[ordinal].name, ROVE_INVALID);
        }
        status = rove__builder_value(builder, ordinal, rove__value_int(integer_of(type, raw)));
    }
    return status;
}

static rove_status add_known(rove__row_builder *builder, size_t ordinal,
                             const packed_field *packed) {
    const rove__field *field = &builder->row->entity->fields[ordinal];
    ProtobufCType type = wire_type(field);
    unsigned wire = WIRE_VARINT;
    rove_value value = rove__value_int(integer_of(type, packed->integer));

    if (type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES) {
        wire = WIRE_BYTES;
        value = rove__value_bytes(type == PROTOBUF_C_TYPE_STRING ? ROVE_TEXT : ROVE_BLOB,
                                  packed->data, packed->size);
    } else if (type == PROTOBUF_C_TYPE_DOUBLE) {
        wire = WIRE_FIXED64;
        value = real_value(packed->integer);
    } else if (packed->wire == WIRE_BYTES && field->kind == ROVE_KIND_SET) {
        return add_packed_integers(builder, ordinal, packed);
    }
    if (packed->wire != wire) {
        return refuse(builder, field->name, ROVE_INVALID);
    }
    return rove__builder_value(builder, ordinal, value);
}

static rove_status add_unknown(rove__row_builder *builder, uint32_t number,
                               const packed_field *packed) {
    rove__row *row = builder->row;
    rove_value value = rove__value_int((int64_t)packed->integer);
    rove_status status = ROVE_OK;

    if (packed->wire == WIRE_FIXED64) {
        value = real_value(packed->integer);
        if (!real_finite(value.as.real)) {
            return refuse(builder, "(unknown)", ROVE_RANGE);
        }
        value.as.real += 0.0;
    } else if (packed->wire == WIRE_BYTES) {
        int is_text = rove__utf8_valid(packed->data, packed->size);
        value = rove__value_bytes(is_text ? ROVE_TEXT : ROVE_BLOB, packed->data, packed->size);
    }
    if (row->extra_count == ROVE_EXTRA_MAX || packed->size > ROVE_VALUE_MAX) {
        return refuse(builder, "(unknown)", ROVE_TOO_BIG);
    }
    status = value_keep(builder, &value);
    if (status != ROVE_OK) {
        return status;
    }
    if (row->extra_count == builder->extra_capacity) {
        size_t capacity = builder->extra_capacity == 0 ? 4 : builder->extra_capacity * 2;
        rove__extra *extra = rove__arena_take(builder->arena, capacity * sizeof *extra);
        if (extra == NULL) {
            return ROVE_NOMEM;
        }
        if (row->extra_count > 0) {
            memcpy(extra, row->extra, row->extra_count * sizeof *extra);
        }
        row->extra = extra;
        builder->extra_capacity = capacity;
    }
    row->extra[row->extra_count++] = (rove__extra){number, value};
    return ROVE_OK;
}

static const ProtobufCFieldDescriptor *nested_message(const rove__entity *entity, uint32_t number) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(entity->message, number);

    return field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE ? field : NULL;
}

static rove_status add_field(rove__row_builder *builder, const ProtobufCFieldDescriptor *outer,
                             const packed_field *packed) {
    const rove__entity *entity = builder->row->entity;
    uint32_t number = outer == NULL ? packed->number : outer->id << 16 | packed->number;
    const ProtobufCFieldDescriptor *nested = NULL;
    int ordinal = rove__entity_field(entity, number);

    if (number == 1) {
        return packed->wire == WIRE_VARINT ? rove__builder_id(builder, (int64_t)packed->integer)
                                           : refuse(builder, "id", ROVE_INVALID);
    }
    if (ordinal >= 0) {
        return add_known(builder, (size_t)ordinal, packed);
    }
    nested = outer == NULL ? nested_message(entity, number) : NULL;
    if (nested != NULL) {
        /* One level only: what is nested in a nested message is unknown. */
        return packed->wire == WIRE_BYTES
                   ? rove__builder_fields(builder, nested, packed->data, packed->size)
                   : refuse(builder, nested->name, ROVE_INVALID);
    }
    return add_unknown(builder, number, packed);
}

rove_status rove__builder_fields(rove__row_builder *builder, const ProtobufCFieldDescriptor *outer,
                                 const uint8_t *bytes, size_t size) {
    rove_status status = ROVE_OK;
    rove__reader reader;

    rove__reader_init(&reader, bytes, size);
    while (rove__reader_left(&reader) > 0) {
        packed_field packed;
        status = read_field(builder, &reader, &packed);
        if (status != ROVE_OK) {
            return status;
        }
        status = add_field(builder, outer, &packed);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ROVE_OK;
}

/* ------------------------------------------------------------------------------------- the end */

/* By insertion: at most ROVE_SET_ELEMENTS_MAX, and usually in order already. */
static void sort_values(rove_value *values, size_t count) {
    for (size_t i = 1; i < count; i++) {
        rove_value value = values[i];
        size_t at = i;
        for (; at > 0 && rove__value_compare(&values[at - 1], &value) > 0; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static rove_status finish_set(rove__row_builder *builder, size_t ordinal) {
    rove__elements *elements = &builder->sets[ordinal];
    rove__set set = {.form = ROVE_SET_PLAIN};
    rove_value value;
    rove_status status = ROVE_OK;

    sort_values(elements->values, elements->count);
    set.elements = rove__arena_take(builder->arena, elements->count * sizeof *set.elements);
    if (set.elements == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < elements->count; i++) {
        if (i == 0 || !rove__value_equal(&elements->values[i - 1], &elements->values[i])) {
            set.elements[set.count++] = (rove__element){.value = elements->values[i]};
        }
    }
    status = rove__set_value(&set, builder->arena, &value);
    if (status == ROVE_OK) {
        rove__row_set(builder->row, ordinal, value);
    }
    return status;
}

/* Ascending by number; a number that occurs twice is a repeated field, which cannot be kept unknown. */
static rove_status finish_extra(rove__row_builder *builder) {
    rove__row *row = builder->row;

    for (size_t i = 1; i < row->extra_count; i++) {
        rove__extra extra = row->extra[i];
        size_t at = i;
        for (; at > 0 && row->extra[at - 1].number > extra.number; at--) {
            row->extra[at] = row->extra[at - 1];
        }
        row->extra[at] = extra;
        if (at > 0 && row->extra[at - 1].number == extra.number) {
            return rove__error_set(builder->error, ROVE_UNKNOWN_FIELD,
                                   "This build does not know field %u of %s, which occurs twice.",
                                   extra.number, row->entity->name);
        }
    }
    return ROVE_OK;
}

rove_status rove__builder_finish(rove__row_builder *builder) {
    size_t count = builder->sets == NULL ? 0 : builder->row->cell_count;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        if (builder->sets[i].count > 0) {
            status = finish_set(builder, i);
        }
    }
    return status == ROVE_OK ? finish_extra(builder) : status;
}
