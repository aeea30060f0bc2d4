/*
 * model/entity.h - the registry: every entity and field that is kept, from the protobuf-c descriptors of
 * entities.proto and the one line per field of traits.def, plus the custom fields of this organisation.
 *
 * A registry belongs to one handle, because custom fields arrive as data. It is built once and then only
 * grows by rove__registry_add_custom, which one thread at a time may call. Entity pointers, and pointers to
 * their fields, stay valid until rove__registry_free; ordinals of existing fields never change. Any thread may read
 * while another adds: it sees a field whole or not at all, and of a custom field that changes the limits and flags
 * of before or of now. Two looks at the same entity may therefore differ, so whoever made an array by the first
 * look keeps its length (rove__row does).
 *
 * A singular nested message is flattened: Account.billing (14) with Address.city (2) is the field
 * billing_city with the number 14 << 16 | 2. Numbers from 1000 to 65535 are custom fields.
 */
#ifndef ROVE_MODEL_ENTITY_H
#define ROVE_MODEL_ENTITY_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"
#include "rove/sys/alloc.h"
#include "rove/value.h"

#define ROVE_ENTITIES_MAX      64
#define ROVE_FIELDS_MAX        192 /* of one entity, custom ones included */
#define ROVE_CUSTOM_NUMBER_MIN 1000u
#define ROVE_CUSTOM_NUMBER_MAX 65535u
#define ROVE_NAME_MAX          64 /* bytes of an entity's or a field's name */

/* Bumped when entities.proto or traits.def change what a peer has to understand. Tests build later ones (ROVE_SCHEMA_AHEAD). */
#ifndef ROVE_SCHEMA_VERSION
#define ROVE_SCHEMA_VERSION 1u
#endif

/* How two writes of one field become one (rules P5 to P11). */
typedef enum rove__kind {
    ROVE_KIND_REGISTER, /* causality, then the later stamp */
    ROVE_KIND_RANK,     /* (epoch, value): the furthest wins; the value is an enumeration */
    ROVE_KIND_COUNTER,  /* increments, each added once; the column is the total */
    ROVE_KIND_SET,      /* elements with their versions, as one blob (merge/set.h); add wins */
    ROVE_KIND_DERIVED   /* computed here, never sent */
} rove__kind;

/* Who may write a field or a record. */
typedef enum rove__write_class {
    ROVE_WRITER_REP,    /* any rep who is entitled to the record, and headquarters */
    ROVE_WRITER_AUTHOR, /* only with the insert */
    ROVE_WRITER_HQ,     /* only headquarters */
    ROVE_WRITER_SEAL    /* only the device, when it seals the record */
} rove__write_class;

/* Which of a record's own columns names its scope. */
typedef enum rove__scope_kind {
    ROVE_SCOPE_ORGANISATION, /* 0: everybody has it */
    ROVE_SCOPE_SELF,         /* the record is a root: its own id */
    ROVE_SCOPE_FIELD, /* the root that scope_field names (an account, contact, lead or user) */
    ROVE_SCOPE_PARENT /* that of the record that scope_field names; kept in _scope and _part */
} rove__scope_kind;

enum {
    ROVE_FIELD_REQUIRED = 1u << 0,   /* an insert without it is refused */
    ROVE_FIELD_PICKLIST = 1u << 1,   /* the text is a key of a Picklist row */
    ROVE_FIELD_SENSITIVE = 1u << 2,  /* never in logs, exports ask */
    ROVE_FIELD_MONEY = 1u << 3,      /* minor units */
    ROVE_FIELD_INSTANT = 1u << 4,    /* Unix ms UTC */
    ROVE_FIELD_DEGREES_E7 = 1u << 5, /* 1e-7 degrees */
    ROVE_FIELD_BOOLEAN = 1u << 6,    /* 0 or 1 */
    ROVE_FIELD_CUSTOM = 1u << 7
};
#define ROVE_CUSTOM_FLAGS 0x7f /* the flags that a custom field may be given */

enum {
    ROVE_ENTITY_APPEND_ONLY =
        1u << 0,                  /* a row never changes after its insert, and is not deleted */
    ROVE_ENTITY_HQ_ONLY = 1u << 1 /* only headquarters inserts and deletes */
};

/* A reference's target in rove__field.target: an entity number, 0 for none, or any root. */
#define ROVE_TARGET_ROOT 0xffffu

typedef struct rove__field {
    uint32_t number;  /* its name on the wire */
    const char *name; /* its column, "billing_city" */
    rove__kind kind;
    rove_type type;    /* INT, TEXT, BLOB, REAL: the column's; a set's column is a BLOB */
    rove_type element; /* of a set: INT or TEXT */
    rove__write_class writer;
    _Atomic int64_t min; /* INT: least value; TEXT, BLOB: least bytes; set: 0 */
    _Atomic int64_t max; /* INT: largest value; TEXT, BLOB: most bytes; set: most elements */
    uint32_t target;     /* of a reference */
    _Atomic unsigned flags;
    unsigned search;                            /* weight in the search index, 0: not searched */
    const ProtobufCEnumDescriptor *enumeration; /* of an enumeration, else NULL */
    const ProtobufCFieldDescriptor *descriptor; /* inside its message; NULL for custom */
    const ProtobufCFieldDescriptor *outer;      /* of the nested message, or NULL */
} rove__field;

typedef struct rove__index {
    const char *name; /* "visit_by_account_planned_start" */
    int fields[3];    /* ordinals, -1 for unused */
} rove__index;

/* Ordinals; never changed once it can be seen. */
typedef struct rove__order {
    size_t count;
    uint16_t ordinals[];
} rove__order;

typedef struct rove__entity {
    uint32_t number;   /* its name on the wire */
    const char *name;  /* "AccountContactRole" */
    const char *table; /* "account_contact_role" */
    rove__scope_kind scope;
    int scope_field; /* ordinal, -1 for ORGANISATION and SELF */
    int part_field;  /* ordinal of the instant whose UTC month is the part, -1: always part 0 */
    int seal_field;  /* ordinal of the instant that seals the record when it is set, -1: none */
    rove__write_class writer; /* of the record as a whole */
    unsigned flags;
    const rove__field *fields; /* ascending by number; then the custom ones, as they were added */
    _Atomic size_t field_count;
    const rove__order *_Atomic by_number; /* all ordinals, ascending by the field's number */
    const rove__index *indexes;
    size_t index_count;
    const ProtobufCMessageDescriptor *message;
} rove__entity;

typedef struct rove__registry rove__registry;

/* ROVE_NOMEM; a disagreement of traits.def and entities.proto is a bug and asserts. */
ROVE_CHECK rove_status rove__registry_new(const rove_allocator *allocator, rove__registry **out);
void rove__registry_free(rove__registry *registry);

size_t rove__registry_count(const rove__registry *registry);
/* By position 0 .. count-1, in ascending order of number. */
const rove__entity *rove__registry_at(const rove__registry *registry, size_t position);
/* NULL if unknown. Names are matched as in entities.proto ("Visit") or as the table ("visit"). */
const rove__entity *rove__registry_by_number(const rove__registry *registry, uint32_t number);
const rove__entity *rove__registry_by_name(const rove__registry *registry, const char *name);
const rove__entity *rove__registry_by_message(const rove__registry *registry,
                                              const ProtobufCMessageDescriptor *message);

/* The ordinal of a field, -1 if unknown. */
int rove__entity_field(const rove__entity *entity, uint32_t number);
int rove__entity_field_named(const rove__entity *entity, const char *name);

/* A custom field as headquarters defines it (rows of CustomField). */
typedef struct rove__custom {
    uint32_t entity;  /* number */
    uint32_t number;  /* 1000 .. 65535 */
    const char *name; /* a column name: [a-z][a-z0-9_]*, copied */
    rove_type type;   /* INT, REAL or TEXT */
    int64_t min;
    int64_t max;
    unsigned flags; /* ROVE_FIELD_PICKLIST, ROVE_FIELD_INSTANT, ROVE_FIELD_BOOLEAN, ... */
} rove__custom;

/*
 * Adds a custom field at the end of its entity. One with the same number, name and type gets the limits and flags
 * given. ROVE_EXISTS if the number or the name means something else; ROVE_RANGE, ROVE_UNKNOWN_ENTITY,
 * ROVE_TOO_BIG (ROVE_FIELDS_MAX), ROVE_INVALID (name, type or flags), ROVE_NOMEM.
 */
ROVE_CHECK rove_status rove__registry_add_custom(rove__registry *registry,
                                                 const rove__custom *custom, rove_error *error);

/* The key of an enumeration's value ("IN_PROGRESS"), NULL if none; and back, ROVE_NOT_FOUND. */
const char *rove__field_enum_name(const rove__field *field, int64_t value);
ROVE_CHECK rove_status rove__field_enum_value(const rove__field *field, const char *name,
                                              int64_t *value);

#endif
