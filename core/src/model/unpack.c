/*
 * model/unpack.c - rows from packed bytes and from the generated structs of entities.pb-c.h.
 *
 * A member of a generated struct is found by the offsets in its descriptor. The unknown fields of a struct
 * hold protobuf's wire format, so they take the same way as packed bytes.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "model/builder.h"

static const uint8_t *member(const ProtobufCMessage *message, unsigned offset) {
    return (const uint8_t *)message + offset;
}

/* The integer at `at`, as wide as the field's type. */
static int64_t load_integer(const ProtobufCFieldDescriptor *field, const uint8_t *at) {
    int64_t wide = 0;
    int32_t narrow = 0;
    protobuf_c_boolean boolean = 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&boolean, at, sizeof boolean);
        return boolean != 0;
    default:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    }
}

/* The value of a field or element at `at`; a text without bytes of its own is NULL. */
static rove_value load_value(const ProtobufCFieldDescriptor *field, const uint8_t *at) {
    const char *text = NULL;
    ProtobufCBinaryData blob;

    if (field->type == PROTOBUF_C_TYPE_STRING) {
        memcpy(&text, at, sizeof text);
        return text == NULL ? rove__value_null() : rove__value_text(text);
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(&blob, at, sizeof blob);
        return rove__value_bytes(ROVE_BLOB, blob.data, blob.len);
    }
    return rove__value_int(load_integer(field, at));
}

static size_t element_size(const ProtobufCFieldDescriptor *field) {
    return field->type == PROTOBUF_C_TYPE_STRING ? sizeof(char *) : sizeof(int64_t);
}

static rove_status add_repeated(rove__row_builder *builder, size_t ordinal,
                                const ProtobufCMessage *message) {
    const ProtobufCFieldDescriptor *field = builder->row->entity->fields[ordinal].descriptor;
    size_t count = 0;
    const uint8_t *elements = NULL;
    rove_status status = ROVE_OK;

    memcpy(&count, member(message, field->quantifier_offset), sizeof count);
    memcpy(&elements, member(message, field->offset), sizeof elements);
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        rove_value value = load_value(field, elements + i * element_size(field));
        status =
            value.type == ROVE_NULL ? ROVE_INVALID : rove__builder_value(builder, ordinal, value);
    }
    return status;
}

static rove_status add_singular(rove__row_builder *builder, size_t ordinal,
                                const ProtobufCMessage *message) {
    const ProtobufCFieldDescriptor *field = builder->row->entity->fields[ordinal].descriptor;
    protobuf_c_boolean has = 1;
    rove_value value = load_value(field, member(message, field->offset));

    if (field->type != PROTOBUF_C_TYPE_STRING) {
        memcpy(&has, member(message, field->quantifier_offset), sizeof has);
    }
    if (!has || value.type == ROVE_NULL) {
        return ROVE_OK;
    }
    return rove__builder_value(builder, ordinal, value);
}

/* Back into wire format: the tag that protobuf-c took off, then the bytes that it kept. */
static rove_status add_unknown(rove__row_builder *builder, const ProtobufCFieldDescriptor *outer,
                               const ProtobufCMessage *message) {
    rove_status status = ROVE_OK;
    rove__buf buf;

    rove__buf_init(&buf, builder->arena->allocator, ROVE_ROW_MAX);
    for (unsigned i = 0; i < message->n_unknown_fields && status == ROVE_OK; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        rove__buf_reset(&buf);
        rove__buf_varint(&buf, (uint64_t)field->tag << 3 | (uint64_t)field->wire_type);
        rove__buf_append(&buf, field->data, field->len);
        status = rove__buf_status(&buf);
        if (status == ROVE_OK) {
            status = rove__builder_fields(builder, outer, buf.data, buf.size);
        }
    }
    rove__buf_free(&buf);
    return status;
}

/* The nested message of a field; the message itself for a plain field; NULL if it is absent. */
static const ProtobufCMessage *holder(const ProtobufCMessage *message,
                                      const ProtobufCFieldDescriptor *outer) {
    const ProtobufCMessage *nested = message;

    if (outer != NULL) {
        memcpy(&nested, member(message, outer->offset), sizeof(ProtobufCMessage *));
    }
    return nested;
}

static rove_status add_members(rove__row_builder *builder, const ProtobufCMessage *message) {
    const rove__entity *entity = builder->row->entity;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < builder->row->cell_count && status == ROVE_OK; i++) {
        const rove__field *field = &entity->fields[i];
        const ProtobufCMessage *from = holder(message, field->outer);
        if (field->descriptor == NULL || from == NULL) {
            continue;
        }
        status = field->kind == ROVE_KIND_SET ? add_repeated(builder, i, from)
                                              : add_singular(builder, i, from);
    }
    return status;
}

static rove_status add_all_unknown(rove__row_builder *builder, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    rove_status status = add_unknown(builder, NULL, message);

    for (unsigned i = 0; i < descriptor->n_fields && status == ROVE_OK; i++) {
        const ProtobufCFieldDescriptor *outer = &descriptor->fields[i];
        const ProtobufCMessage *nested = NULL;
        if (outer->type == PROTOBUF_C_TYPE_MESSAGE) {
            nested = holder(message, outer);
        }
        if (nested != NULL) {
            status = add_unknown(builder, outer, nested);
        }
    }
    return status;
}

rove_status rove__row_from_message(rove__row *row, const rove__registry *registry,
                                   const ProtobufCMessage *message, rove__arena *arena,
                                   rove_error *error) {
    const rove__entity *entity = rove__registry_by_message(registry, message->descriptor);
    const ProtobufCFieldDescriptor *id = NULL;
    rove__row_builder builder;
    rove_status status = ROVE_OK;

    if (entity == NULL) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY, "%s is no entity.",
                               message->descriptor->name);
    }
    status = rove__builder_init(&builder, row, entity, arena, error);
    if (status == ROVE_OK) {
        id = protobuf_c_message_descriptor_get_field(message->descriptor, 1);
        status = rove__builder_id(&builder, load_integer(id, member(message, id->offset)));
    }
    if (status == ROVE_OK) {
        status = add_members(&builder, message);
    }
    if (status == ROVE_OK) {
        status = add_all_unknown(&builder, message);
    }
    if (status == ROVE_OK) {
        status = rove__builder_finish(&builder);
    }
    return status;
}

rove_status rove__row_from_packed(rove__row *row, const rove__registry *registry,
                                  const rove__entity *entity, const void *bytes, size_t size,
                                  rove__arena *arena, rove_error *error) {
    rove__row_builder builder;
    rove_status status = ROVE_OK;

    (void)registry;
    if (size > ROVE_ROW_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG, "A packed %s may have at most %d bytes.",
                               entity->name, ROVE_ROW_MAX);
    }
    status = rove__builder_init(&builder, row, entity, arena, error);
    if (status == ROVE_OK) {
        status = rove__builder_fields(&builder, NULL, bytes, size);
    }
    if (status == ROVE_OK) {
        status = rove__builder_finish(&builder);
    }
    return status;
}
