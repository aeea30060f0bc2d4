/*
 * model/row.h - a row as an array of cells, and the few things that follow from a row alone.
 *
 * A row may be partial: `present` says which cells it carries; a present NULL clears. Fields that this
 * build does not know travel in `extra`, ascending by number. Values and arrays are borrowed from
 * whoever filled the row (usually an arena).
 *
 * Custom fields may come while a row is in somebody's hands. Whoever walks a row goes by its cell_count, and looks
 * fields up by rove__row_field; whoever looks at another row's cell asks rove__row_cell. A field that the row has
 * no cell for is absent.
 */
#ifndef ROVE_MODEL_ROW_H
#define ROVE_MODEL_ROW_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/reader.h"
#include "base/stamp.h"
#include "model/entity.h"

#define ROVE_EXTRA_MAX 256 /* unknown fields in one row */

typedef struct rove__bits {
    uint64_t word[ROVE_FIELDS_MAX / 64];
} rove__bits;

static inline void rove__bits_set(rove__bits *bits, size_t i) {
    bits->word[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void rove__bits_clear(rove__bits *bits, size_t i) {
    bits->word[i / 64] &= ~((uint64_t)1 << (i % 64));
}
static inline int rove__bits_get(const rove__bits *bits, size_t i) {
    return (int)(bits->word[i / 64] >> (i % 64) & 1u);
}

typedef struct rove__extra {
    uint32_t number;
    rove_value value;
} rove__extra;

typedef struct rove__row {
    const rove__entity *entity; /* NULL for an entity that this build does not know */
    uint32_t entity_number;     /* always set */
    rove_id id;
    rove_value *cells; /* by ordinal; NULL if entity is */
    size_t
        cell_count; /* the entity's fields when the row was made: it may have gained some since */
    rove__bits present;
    rove__extra *extra;
    size_t extra_count;
} rove__row;

/* The unit of download, eviction and digest: a root (0: the organisation) and a part (YYYYMM or 0). */
typedef struct rove__scope {
    rove_id root;
    int32_t part;
} rove__scope;

/* Where a device or a write stood in headquarters' stream. */
typedef struct rove__cursor {
    uint64_t timeline;
    uint64_t seq;
} rove__cursor;

/* An empty row with all cells NULL and absent; arrays from the arena. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__row_init(rove__row *row, const rove__entity *entity, rove_id id,
                                      rove__arena *arena);
/* The same with so many cells, at most as many as the entity has fields. */
ROVE_CHECK rove_status rove__row_init_wide(rove__row *row, const rove__entity *entity, rove_id id,
                                           size_t cell_count, rove__arena *arena);
/* The ordinal of a field that the row has a cell for, -1: none. */
int rove__row_field(const rove__row *row, uint32_t number);
int rove__row_field_named(const rove__row *row, const char *name);
/* A cell; NULL for one that the row does not have. */
rove_value rove__row_cell(const rove__row *row, size_t ordinal);
/* A deep copy into the arena. */
ROVE_CHECK rove_status rove__row_copy(rove__row *to, const rove__row *from, rove__arena *arena);
/* How many cells it carries. */
size_t rove__row_count(const rove__row *row);
/* Sets a cell and marks it present; the value is borrowed. */
void rove__row_set(rove__row *row, size_t ordinal, rove_value value);

rove_value rove__value_null(void);
rove_value rove__value_int(int64_t integer);
rove_value rove__value_real(double real);
rove_value rove__value_text(const char *text); /* borrowed, NUL-terminated */
rove_value rove__value_bytes(rove_type type, const void *data, size_t size);
int rove__value_equal(const rove_value *a, const rove_value *b);
/*
 * Equal, or a text and a blob of the same bytes. For unknown fields that came through a packed message,
 * which does not say which of the two they are.
 */
int rove__value_equal_bytes(const rove_value *a, const rove_value *b);
/* A total order: type, then number or bytes. The last word between equal versions (P6). */
int rove__value_compare(const rove_value *a, const rove_value *b);

/*
 * The self-describing form of one value, used for unknown fields, kept losers and the digest: a type
 * byte, then zigzag varint (INT), 8 bytes big-endian of the IEEE bits (REAL), or varint size and bytes.
 */
void rove__value_write(rove__buf *buf, const rove_value *value);
/*
 * Borrows from the reader. Fails it for an unknown type, more than ROVE_VALUE_MAX bytes, text that is not
 * UTF-8, and a REAL that is NaN, infinite or -0.0.
 */
void rove__value_read(rove__reader *reader, rove_value *value);

/*
 * The scope of a row. For ROVE_SCOPE_PARENT the caller gives the parent's; otherwise parent is NULL.
 * A NULL scope column is the organisation.
 */
rove__scope rove__row_scope(const rove__row *row, const rove__scope *parent);

/*
 * Adds the custom field that a row of CustomField defines: rove__registry_add_custom of its cells. A row
 * without entity, number, name or type is ROVE_INVALID; absent limits are the widest.
 */
ROVE_CHECK rove_status rove__registry_add_custom_row(rove__registry *registry, const rove__row *row,
                                                     rove_error *error);

/*
 * Between rows and the generated structs of entities.pb-c.h, and the packed bytes of such a struct.
 * from_*: checks types, UTF-8 and enumerations, not limits; unknown fields go to `extra`, custom fields to
 * their cells; `id` is a field of every message and goes to row->id. A repeated field becomes a set cell in
 * the plain form of model/set.h; a message carries an empty one as absent, so clearing a set is done by its elements.
 * Everything is allocated from the arena.
 *
 * On the wire of protobuf a custom INT is an int64, a REAL a double, a TEXT a string. An unknown field is INT,
 * REAL, or TEXT if its bytes are UTF-8 without NUL and else BLOB; groups, fixed32, and an unknown field that occurs
 * twice are refused (ROVE_UNKNOWN_FIELD). Unknown fields of a nested message that is itself unknown are
 * not given out in messages; leaving a field out of a message does not change it.
 *
 * ROVE_UNKNOWN_ENTITY, ROVE_UNKNOWN_FIELD, ROVE_INVALID (no protobuf of this message), ROVE_UTF8, ROVE_RANGE (an
 * integer or enumeration), ROVE_TOO_BIG (ROVE_ROW_MAX, ROVE_SET_ELEMENTS_MAX, ROVE_EXTRA_MAX), ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__row_from_message(rove__row *row, const rove__registry *registry,
                                              const ProtobufCMessage *message, rove__arena *arena,
                                              rove_error *error);
ROVE_CHECK rove_status rove__row_from_packed(rove__row *row, const rove__registry *registry,
                                             const rove__entity *entity, const void *bytes,
                                             size_t size, rove__arena *arena, rove_error *error);
/*
 * A new message owned by the caller: protobuf_c_message_free_unpacked(message, its allocator). ROVE_CORRUPT
 * for a cell of the wrong type, ROVE_NOMEM. The row's entity must be known.
 */
ROVE_CHECK rove_status rove__row_to_message(const rove__row *row, ProtobufCAllocator *allocator,
                                            ProtobufCMessage **message);
ROVE_CHECK rove_status rove__row_to_packed(const rove__row *row, rove__buf *buf);

#endif
