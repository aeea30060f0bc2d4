/*
 * wire/proto.h - what the messages' files share: protobuf-c fed and drained safely.
 *
 * Before protobuf-c sees a payload, its shape is checked against the descriptor
 * (rove__proto_unpack), so that neither counts nor texts nor versions depend on protobuf-c's own
 * care: protobuf-c takes invalid UTF-8 and embedded NULs, and has miscounted absurd numbers of
 * fields before. Memory is the arena's.
 */
#ifndef ROVE_WIRE_PROTO_H
#define ROVE_WIRE_PROTO_H

#include <protobuf-c/protobuf-c.h>

#include "wire/message.h"

/* Fields of a message, and of a message in it. */
#define ROVE_PROTO_FIELDS_MAX 65536u
#define ROVE_PROTO_NESTED_MAX 32u

/* Sets an optional number of a generated struct. */
#define ROVE_PROTO_SET(message, field, number)                                                     \
    ((message)->has_##field = 1, (message)->field = (number))

/*
 * Checks size, protocol version (if the message has a field of that name), shape, UTF-8 and length
 * of strings, and unpacks into the arena. ROVE_TOO_BIG never: everything wrong is ROVE_PROTOCOL,
 * but ROVE_VERSION, ROVE_UTF8 and ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__proto_unpack(const ProtobufCMessageDescriptor *descriptor,
                                          const void *payload, size_t size, rove__arena *arena,
                                          ProtobufCMessage **message);
/* Appends the packed message. ROVE_NOMEM, ROVE_TOO_BIG from the buffer. */
ROVE_CHECK rove_status rove__proto_pack(const ProtobufCMessage *message, rove__buf *out);

/* protobuf-c's structs know no const, and packing does not write. */
ProtobufCBinaryData rove__proto_bytes(const void *data, size_t size);
char *rove__proto_text(const char *text);

/* Copies a field of exactly `size` bytes; 0 if it is absent or of another size. */
int rove__proto_fixed(protobuf_c_boolean has, const ProtobufCBinaryData *field, uint8_t *to,
                      size_t size);
/* A field of at most `max` bytes, empty if absent; 0 if it is longer. */
int rove__proto_borrow(protobuf_c_boolean has, const ProtobufCBinaryData *field, size_t max,
                       rove__bytes *to);
/* An optional digest total; 0 if it is there with another size than 16. */
int rove__proto_total(protobuf_c_boolean has, const ProtobufCBinaryData *field, int *has_total,
                      rove__hash128 *total);

/* A status by its number; one that this build does not know becomes `instead`. */
rove_status rove__proto_status(uint32_t number, rove_status instead);

/* Lists of scopes as parallel lists; lists of roots as differences. */
typedef struct rove__proto_scopes {
    size_t n_roots;
    int64_t *roots;
    size_t n_parts;
    int32_t *parts;
} rove__proto_scopes;

ROVE_CHECK rove_status rove__proto_put_scopes(const rove__scope *scopes, size_t count,
                                              rove__arena *arena, rove__proto_scopes *out);
ROVE_CHECK rove_status rove__proto_get_scopes(const rove__proto_scopes *in, rove__arena *arena,
                                              const rove__scope **scopes, size_t *count);
/* The same with buckets; the list of these is left away where all of them are 0. */
typedef struct rove__proto_portions {
    rove__proto_scopes scopes;
    size_t n_buckets;
    uint64_t *buckets;
} rove__proto_portions;

ROVE_CHECK rove_status rove__proto_put_portions(const rove__portion *portions, size_t count,
                                                rove__arena *arena, rove__proto_portions *out);
ROVE_CHECK rove_status rove__proto_get_portions(const rove__proto_portions *in, rove__arena *arena,
                                                const rove__portion **portions, size_t *count);
ROVE_CHECK rove_status rove__proto_put_ids(const rove_id *ids, size_t count, rove__arena *arena,
                                           int64_t **out);
ROVE_CHECK rove_status rove__proto_get_ids(const int64_t *in, size_t count, size_t max,
                                           rove__arena *arena, const rove_id **ids);

/* Room for `count` items, no more than fit a frame; NULL only when memory is short. */
void *rove__proto_array(rove__arena *arena, size_t count, size_t size);

#endif
