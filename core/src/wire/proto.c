/*
 * wire/proto.c - protobuf-c fed and drained safely; see proto.h.
 *
 * The shape check walks the encoded fields once: every tag, length and varint lies inside the
 * payload and is of the shortest form, no group, no field number 0, no more fields than the caps,
 * strings are short UTF-8 without NUL; embedded messages likewise, one level deep as sync.proto has
 * it.
 */
#include "wire/proto.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "wire/frame.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

typedef struct wire_field {
    uint32_t number;
    unsigned type;
    uint64_t varint;
    const uint8_t *bytes;
    size_t size;
} wire_field;

static void read_field(rove__reader *reader, wire_field *field) {
    uint64_t tag = rove__reader_varint_max(reader, UINT32_MAX);

    memset(field, 0, sizeof *field);
    field->number = (uint32_t)(tag >> 3);
    field->type = (unsigned)(tag & 7);
    switch (field->type) {
    case WIRE_VARINT:
        field->varint = rove__reader_varint(reader);
        break;
    case WIRE_FIXED64:
        (void)rove__reader_take(reader, 8);
        break;
    case WIRE_FIXED32:
        (void)rove__reader_take(reader, 4);
        break;
    case WIRE_BYTES:
        field->bytes = rove__reader_bytes(reader, rove__reader_left(reader), &field->size);
        break;
    default:
        rove__reader_fail(reader, ROVE_PROTOCOL);
    }
    if (field->number == 0) {
        rove__reader_fail(reader, ROVE_PROTOCOL);
    }
}

/* The wire type that a field has to have; protobuf-c takes others for some types. */
static unsigned wire_type_of(const ProtobufCFieldDescriptor *known) {
    switch (known->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED64:
        return WIRE_FIXED64;
    default: /* sync.proto has no other type of a fixed size */
        ROVE_ASSERT(
            known->type != PROTOBUF_C_TYPE_SFIXED64 && known->type != PROTOBUF_C_TYPE_DOUBLE &&
            known->type != PROTOBUF_C_TYPE_FIXED32 && known->type != PROTOBUF_C_TYPE_SFIXED32 &&
            known->type != PROTOBUF_C_TYPE_FLOAT);
        return WIRE_VARINT;
    }
}

/* A repeated number may come packed, whatever the descriptor says. */
static int wire_type_fits(const ProtobufCFieldDescriptor *known, unsigned type) {
    return type == wire_type_of(known) ||
           (known->label == PROTOBUF_C_LABEL_REPEATED && type == WIRE_BYTES);
}

static void check_shape(const ProtobufCMessageDescriptor *descriptor, rove__reader *reader,
                        size_t fields_max) {
    for (size_t count = 0; rove__reader_left(reader) > 0; count++) {
        const ProtobufCFieldDescriptor *known = NULL;
        wire_field field;

        read_field(reader, &field);
        if (count == fields_max) {
            rove__reader_fail(reader, ROVE_PROTOCOL);
        }
        if (rove__reader_status(reader) != ROVE_OK) {
            return;
        }
        known = protobuf_c_message_descriptor_get_field(descriptor, field.number);
        if (known == NULL) {
            continue;
        }
        if (!wire_type_fits(known, field.type)) {
            rove__reader_fail(reader, ROVE_PROTOCOL);
        } else if (known->type == PROTOBUF_C_TYPE_STRING) {
            if (field.size > ROVE_TEXT_MAX) {
                rove__reader_fail(reader, ROVE_PROTOCOL);
            } else if (!rove__utf8_valid(field.bytes, field.size)) {
                rove__reader_fail(reader, ROVE_UTF8);
            }
        } else if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
            rove__reader inner;

            ROVE_ASSERT(fields_max > ROVE_PROTO_NESTED_MAX);
            rove__reader_init(&inner, field.bytes, field.size);
            check_shape(known->descriptor, &inner, ROVE_PROTO_NESTED_MAX);
            if (rove__reader_status(&inner) != ROVE_OK) {
                rove__reader_fail(reader, rove__reader_status(&inner));
            }
        }
    }
}

/* The protocol version comes first: what another version looks like, this build cannot know. */
static rove_status check_version(const ProtobufCMessageDescriptor *descriptor, const void *payload,
                                 size_t size) {
    const ProtobufCFieldDescriptor *known =
        protobuf_c_message_descriptor_get_field_by_name(descriptor, "protocol");
    rove__reader reader;

    if (known == NULL) {
        return ROVE_OK;
    }
    rove__reader_init(&reader, payload, size);
    while (rove__reader_left(&reader) > 0) {
        wire_field field;

        read_field(&reader, &field);
        if (rove__reader_status(&reader) == ROVE_OK && field.number == known->id &&
            field.type == WIRE_VARINT) {
            return field.varint < ROVE_PROTOCOL_OLDEST || field.varint > ROVE_PROTOCOL_VERSION
                       ? ROVE_VERSION
                       : ROVE_OK;
        }
    }
    return ROVE_PROTOCOL;
}

/* protobuf-c's memory; `failed` tells a lack of it from a malformed message. */
typedef struct unpack_memory {
    rove__arena *arena;
    int failed;
} unpack_memory;

static void *unpack_alloc(void *context, size_t size) {
    unpack_memory *memory = context;
    void *taken = rove__arena_take(memory->arena, size);

    memory->failed |= taken == NULL;
    return taken;
}

static void unpack_free(void *context, void *pointer) {
    (void)context;
    (void)pointer;
}

rove_status rove__proto_unpack(const ProtobufCMessageDescriptor *descriptor, const void *payload,
                               size_t size, rove__arena *arena, ProtobufCMessage **message) {
    unpack_memory memory = {arena, 0};
    ProtobufCAllocator allocator = {unpack_alloc, unpack_free, &memory};
    rove_status status = ROVE_OK;
    rove__reader reader;

    *message = NULL;
    if (size > ROVE_FRAME_MAX) {
        return ROVE_PROTOCOL;
    }
    status = check_version(descriptor, payload, size);
    if (status != ROVE_OK) {
        return status;
    }
    rove__reader_init(&reader, payload, size);
    check_shape(descriptor, &reader, ROVE_PROTO_FIELDS_MAX);
    status = rove__reader_status(&reader);
    if (status != ROVE_OK) {
        return status == ROVE_TRUNCATED ? ROVE_PROTOCOL : status;
    }
    *message = protobuf_c_message_unpack(descriptor, &allocator, size, payload);
    if (*message == NULL) {
        return memory.failed ? ROVE_NOMEM : ROVE_PROTOCOL;
    }
    return ROVE_OK;
}

rove_status rove__proto_pack(const ProtobufCMessage *message, rove__buf *out) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *room = NULL;

    if (size > ROVE_FRAME_MAX) {
        return ROVE_TOO_BIG;
    }
    if (size == 0) {
        return rove__buf_status(out);
    }
    room = rove__buf_reserve(out, size);
    if (room == NULL) {
        return rove__buf_status(out);
    }
    (void)protobuf_c_message_pack(message, room);
    return ROVE_OK;
}

ProtobufCBinaryData rove__proto_bytes(const void *data, size_t size) {
    union {
        const void *in;
        uint8_t *out;
    } pointer = {data};

    return (ProtobufCBinaryData){size, pointer.out};
}

char *rove__proto_text(const char *text) {
    union {
        const char *in;
        char *out;
    } pointer = {text};

    return pointer.out;
}

int rove__proto_fixed(protobuf_c_boolean has, const ProtobufCBinaryData *field, uint8_t *to,
                      size_t size) {
    if (!has || field->len != size) {
        return 0;
    }
    memcpy(to, field->data, size);
    return 1;
}

int rove__proto_borrow(protobuf_c_boolean has, const ProtobufCBinaryData *field, size_t max,
                       rove__bytes *to) {
    *to = (rove__bytes){NULL, 0};
    if (has && field->len > 0) {
        *to = (rove__bytes){field->data, field->len};
    }
    return to->size <= max;
}

int rove__proto_total(protobuf_c_boolean has, const ProtobufCBinaryData *field, int *has_total,
                      rove__hash128 *total) {
    *has_total = has != 0;
    if (!has) {
        return 1;
    }
    if (field->len != 16) {
        return 0;
    }
    *total = rove__hash128_read(field->data);
    return 1;
}

rove_status rove__proto_status(uint32_t number, rove_status instead) {
    switch (number) {
#define KNOWN(name, value, class_, text)                                                           \
    case value:                                                                                    \
        return ROVE_##name;
        ROVE_STATUS_MAP(KNOWN)
#undef KNOWN
    default:
        return instead;
    }
}

void *rove__proto_array(rove__arena *arena, size_t count, size_t size) {
    ROVE_ASSERT(count <= SIZE_MAX / size);
    return rove__arena_take(arena, count * size);
}

rove_status rove__proto_put_ids(const rove_id *ids, size_t count, rove__arena *arena,
                                int64_t **out) {
    *out = rove__proto_array(arena, count, sizeof **out);
    if (*out == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (int64_t)((uint64_t)ids[i] - (i == 0 ? 0 : (uint64_t)ids[i - 1]));
    }
    return ROVE_OK;
}

rove_status rove__proto_get_ids(const int64_t *in, size_t count, size_t max, rove__arena *arena,
                                const rove_id **ids) {
    rove_id *made = NULL;
    uint64_t id = 0;

    *ids = NULL;
    if (count > max) {
        return ROVE_PROTOCOL;
    }
    made = rove__proto_array(arena, count, sizeof *made);
    if (made == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        id += (uint64_t)in[i];
        if (id > INT64_MAX) {
            return ROVE_PROTOCOL;
        }
        made[i] = (rove_id)id;
    }
    *ids = made;
    return ROVE_OK;
}

rove_status rove__proto_put_scopes(const rove__scope *scopes, size_t count, rove__arena *arena,
                                   rove__proto_scopes *out) {
    int64_t *roots = rove__proto_array(arena, count, sizeof *roots);
    int32_t *parts = rove__proto_array(arena, count, sizeof *parts);
    uint64_t before = 0;

    memset(out, 0, sizeof *out);
    if (roots == NULL || parts == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        roots[i] = (int64_t)((uint64_t)scopes[i].root - before);
        parts[i] = scopes[i].part;
        before = (uint64_t)scopes[i].root;
    }
    *out = (rove__proto_scopes){count, roots, count, parts};
    return ROVE_OK;
}

rove_status rove__proto_get_scopes(const rove__proto_scopes *in, rove__arena *arena,
                                   const rove__scope **scopes, size_t *count) {
    const rove_id *roots = NULL;
    rove__scope *made = NULL;
    rove_status status = ROVE_OK;

    *scopes = NULL;
    *count = 0;
    if (in->n_roots != in->n_parts) {
        return ROVE_PROTOCOL;
    }
    status = rove__proto_get_ids(in->roots, in->n_roots, ROVE_SCOPES_MAX, arena, &roots);
    if (status != ROVE_OK) {
        return status;
    }
    made = rove__proto_array(arena, in->n_roots, sizeof *made);
    if (made == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < in->n_roots; i++) {
        made[i] = (rove__scope){roots[i], in->parts[i]};
    }
    *scopes = made;
    *count = in->n_roots;
    return ROVE_OK;
}

rove_status rove__proto_put_portions(const rove__portion *portions, size_t count,
                                     rove__arena *arena, rove__proto_portions *out) {
    rove__scope *scopes = rove__proto_array(arena, count, sizeof *scopes);
    uint64_t *buckets = rove__proto_array(arena, count, sizeof *buckets);
    int any = 0;

    memset(out, 0, sizeof *out);
    if (scopes == NULL || buckets == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        scopes[i] = portions[i].scope;
        buckets[i] = portions[i].buckets;
        any |= buckets[i] != 0;
    }
    if (any) {
        out->n_buckets = count;
        out->buckets = buckets;
    }
    return rove__proto_put_scopes(scopes, count, arena, &out->scopes);
}

rove_status rove__proto_get_portions(const rove__proto_portions *in, rove__arena *arena,
                                     const rove__portion **portions, size_t *count) {
    const rove__scope *scopes = NULL;
    rove__portion *made = NULL;
    rove_status status = rove__proto_get_scopes(&in->scopes, arena, &scopes, count);

    *portions = NULL;
    if (status == ROVE_OK && in->n_buckets != 0 && in->n_buckets != *count) {
        status = ROVE_PROTOCOL;
    }
    if (status == ROVE_OK) {
        made = rove__proto_array(arena, *count, sizeof *made);
        status = made == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    if (status != ROVE_OK) {
        *count = 0;
        return status;
    }
    for (size_t i = 0; i < *count; i++) {
        made[i] = (rove__portion){scopes[i], in->n_buckets == 0 ? 0 : in->buckets[i]};
    }
    *portions = made;
    return ROVE_OK;
}
