/*
 * model/pack.c - rows to the generated structs of entities.pb-c.h and to packed bytes.
 *
 * A member of a generated struct is found by the offsets in its descriptor. Custom and unknown fields become
 * unknown fields of the struct, in protobuf's wire format; those of a nested message (number above 65535)
 * go to the struct of that message.
 */
#include <string.h>

#include "base/assert.h"
#include "model/row.h"
#include "model/set.h"

#define NUMBER_MAX 65535u

typedef struct packing {
    const rove__row *row;
    ProtobufCAllocator *allocator;
    ProtobufCMessage *message;
} packing;

static void *take(const packing *packer, size_t size) {
    return packer->allocator->alloc(packer->allocator->allocator_data, size == 0 ? 1 : size);
}

static uint8_t *member(ProtobufCMessage *message, unsigned offset) {
    return (uint8_t *)message + offset;
}

static ProtobufCMessage *message_new(const packing *packer,
                                     const ProtobufCMessageDescriptor *descriptor) {
    ProtobufCMessage *message = take(packer, descriptor->sizeof_message);

    if (message != NULL) {
        protobuf_c_message_init(descriptor, message);
    }
    return message;
}

/* The struct that holds a field: the message, or the nested one, made when it is first needed. */
static ProtobufCMessage *holder(packing *packer, const ProtobufCFieldDescriptor *outer) {
    ProtobufCMessage *nested = packer->message;

    if (outer != NULL) {
        memcpy(&nested, member(packer->message, outer->offset), sizeof(ProtobufCMessage *));
        if (nested == NULL) {
            nested = message_new(packer, outer->descriptor);
            memcpy(member(packer->message, outer->offset), &nested, sizeof(ProtobufCMessage *));
        }
    }
    return nested;
}

/* ------------------------------------------------------------------------------------- known fields */

static void store_integer(const ProtobufCFieldDescriptor *field, uint8_t *at, int64_t integer) {
    int32_t narrow = (int32_t)integer;
    protobuf_c_boolean boolean = integer != 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
        memcpy(at, &integer, sizeof integer);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(at, &boolean, sizeof boolean);
        break;
    default:
        memcpy(at, &narrow, sizeof narrow);
        break;
    }
}

/* What is stored is complete before it can be seen, so that a message half made can be freed. */
static rove_status store_value(const packing *packer, const ProtobufCFieldDescriptor *field,
                               uint8_t *at, const rove_value *value) {
    ProtobufCBinaryData blob = {value->size, NULL};
    uint8_t *bytes = NULL;

    if (value->type == ROVE_INT) {
        store_integer(field, at, value->as.integer);
        return ROVE_OK;
    }
    bytes = take(packer, value->size + 1);
    if (bytes == NULL) {
        return ROVE_NOMEM;
    }
    if (value->size > 0) {
        memcpy(bytes, value->as.data, value->size);
    }
    bytes[value->size] = '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        blob.data = bytes;
        memcpy(at, &blob, sizeof blob);
    } else {
        memcpy(at, &bytes, sizeof bytes);
    }
    return ROVE_OK;
}

static rove_status add_singular(packing *packer, const rove__field *field,
                                const rove_value *value) {
    const ProtobufCFieldDescriptor *descriptor = field->descriptor;
    ProtobufCMessage *to = holder(packer, field->outer);
    protobuf_c_boolean has = 1;
    rove_status status = ROVE_OK;

    if (value->type != field->type) {
        return ROVE_CORRUPT;
    }
    if (to == NULL) {
        return ROVE_NOMEM;
    }
    status = store_value(packer, descriptor, member(to, descriptor->offset), value);
    if (status == ROVE_OK && descriptor->type != PROTOBUF_C_TYPE_STRING) {
        memcpy(member(to, descriptor->quantifier_offset), &has, sizeof has);
    }
    return status;
}

static rove_status add_set(packing *packer, const rove__field *field, const rove_value *value) {
    const ProtobufCFieldDescriptor *descriptor = field->descriptor;
    uint8_t *count_at = member(packer->message, descriptor->quantifier_offset);
    size_t size = field->element == ROVE_TEXT ? sizeof(char *) : sizeof(int64_t);
    rove__set_cursor cursor;
    rove__element element;
    rove_status status = ROVE_OK;
    uint8_t *elements = NULL;
    size_t count = 0;

    rove__set_open(&cursor, value, ROVE_SET_PLAIN);
    if (cursor.form == ROVE_SET_DELTA || cursor.left > value->size) {
        return ROVE_CORRUPT;
    }
    elements = take(packer, cursor.left * size);
    if (elements == NULL) {
        return ROVE_NOMEM;
    }
    memcpy(member(packer->message, descriptor->offset), &elements, sizeof elements);
    while (status == ROVE_OK && rove__set_next(&cursor, &element)) {
        if (element.value.type != field->element) {
            return ROVE_CORRUPT;
        }
        status = store_value(packer, descriptor, elements + count * size, &element.value);
        if (status == ROVE_OK) {
            count++;
            memcpy(count_at, &count, sizeof count);
        }
    }
    return status == ROVE_OK ? rove__set_done(&cursor) : status;
}

/* ------------------------------------------------------------------------------------- other fields */

/* A value in protobuf's wire format, without its tag. */
static rove_status encode(const packing *packer, const rove_value *value,
                          ProtobufCMessageUnknownField *field) {
    uint8_t head[ROVE_VARINT_MAX];
    size_t head_size = 0;
    size_t body_size = 0;
    uint64_t bits = 0;

    if (value->type == ROVE_INT) {
        field->wire_type = PROTOBUF_C_WIRE_TYPE_VARINT;
        head_size = rove__varint_put(head, (uint64_t)value->as.integer);
    } else if (value->type == ROVE_REAL) {
        field->wire_type = PROTOBUF_C_WIRE_TYPE_64BIT;
        memcpy(&bits, &value->as.real, sizeof bits);
        for (; head_size < 8; head_size++) {
            head[head_size] = (uint8_t)(bits >> (8 * head_size));
        }
    } else {
        field->wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        head_size = rove__varint_put(head, value->size);
        body_size = value->size;
    }
    field->data = take(packer, head_size + body_size);
    if (field->data == NULL) {
        return ROVE_NOMEM;
    }
    field->len = head_size + body_size;
    memcpy(field->data, head, head_size);
    if (body_size > 0) {
        memcpy(field->data + head_size, value->as.data, body_size);
    }
    return ROVE_OK;
}

/* `to` has room for all fields of the row that could become unknown ones. */
static rove_status add_other(packing *packer, ProtobufCMessage *to, uint32_t number,
                             const rove_value *value) {
    ProtobufCMessageUnknownField field = {.tag = number & NUMBER_MAX};
    size_t most = packer->row->extra_count + packer->row->cell_count;
    rove_status status = ROVE_OK;

    if (to->unknown_fields == NULL) {
        to->unknown_fields = take(packer, most * sizeof *to->unknown_fields);
        if (to->unknown_fields == NULL) {
            return ROVE_NOMEM;
        }
    }
    status = encode(packer, value, &field);
    if (status == ROVE_OK) {
        to->unknown_fields[to->n_unknown_fields++] = field;
    }
    return status;
}

static rove_status add_extra(packing *packer, const rove__extra *extra) {
    const ProtobufCFieldDescriptor *outer = NULL;
    ProtobufCMessage *to = packer->message;

    if (extra->number > NUMBER_MAX) {
        outer = protobuf_c_message_descriptor_get_field(packer->message->descriptor,
                                                        extra->number >> 16);
        if (outer == NULL || outer->type != PROTOBUF_C_TYPE_MESSAGE) {
            return ROVE_OK; /* nested in a message that is itself unknown */
        }
        to = holder(packer, outer);
    }
    return to == NULL ? ROVE_NOMEM : add_other(packer, to, extra->number, &extra->value);
}

/* ------------------------------------------------------------------------------------- rows */

static rove_status add_cell(packing *packer, size_t ordinal) {
    const rove__field *field = &packer->row->entity->fields[ordinal];
    const rove_value *value = &packer->row->cells[ordinal];

    if (value->type == ROVE_NULL) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_SET) {
        return add_set(packer, field, value);
    }
    if (field->descriptor == NULL) {
        return add_other(packer, packer->message, field->number, value);
    }
    return add_singular(packer, field, value);
}

static rove_status add_all(packing *packer) {
    const ProtobufCMessageDescriptor *descriptor = packer->message->descriptor;
    const ProtobufCFieldDescriptor *id = protobuf_c_message_descriptor_get_field(descriptor, 1);
    rove_value value = rove__value_int(packer->row->id);
    protobuf_c_boolean has = packer->row->id != 0;
    rove_status status = store_value(packer, id, member(packer->message, id->offset), &value);

    memcpy(member(packer->message, id->quantifier_offset), &has, sizeof has);
    for (size_t i = 0; i < packer->row->cell_count && status == ROVE_OK; i++) {
        status = add_cell(packer, i);
    }
    for (size_t i = 0; i < packer->row->extra_count && status == ROVE_OK; i++) {
        if (packer->row->extra[i].value.type != ROVE_NULL) {
            status = add_extra(packer, &packer->row->extra[i]);
        }
    }
    return status;
}

rove_status rove__row_to_message(const rove__row *row, ProtobufCAllocator *allocator,
                                 ProtobufCMessage **message) {
    packing packer = {row, allocator, NULL};
    rove_status status = ROVE_OK;

    ROVE_ASSERT(row->entity != NULL && allocator != NULL);
    *message = NULL;
    packer.message = message_new(&packer, row->entity->message);
    if (packer.message == NULL) {
        return ROVE_NOMEM;
    }
    status = add_all(&packer);
    if (status != ROVE_OK) {
        protobuf_c_message_free_unpacked(packer.message, allocator);
        return status;
    }
    *message = packer.message;
    return ROVE_OK;
}

static void *port_alloc(void *ctx, size_t size) {
    const rove_allocator *allocator = ctx;

    return allocator->resize(allocator->ctx, NULL, size);
}

static void port_free(void *ctx, void *pointer) {
    const rove_allocator *allocator = ctx;

    if (pointer != NULL) {
        (void)allocator->resize(allocator->ctx, pointer, 0);
    }
}

rove_status rove__row_to_packed(const rove__row *row, rove__buf *buf) {
    rove_allocator port = *buf->allocator;
    ProtobufCAllocator allocator = {port_alloc, port_free, &port};
    ProtobufCMessage *message = NULL;
    rove_status status = rove__row_to_message(row, &allocator, &message);
    size_t size = 0;
    uint8_t *out = NULL;

    if (status != ROVE_OK) {
        return status;
    }
    size = protobuf_c_message_get_packed_size(message);
    out = rove__buf_reserve(buf, size);
    if (out != NULL) {
        (void)protobuf_c_message_pack(message, out);
    }
    protobuf_c_message_free_unpacked(message, &allocator);
    return rove__buf_status(buf);
}
