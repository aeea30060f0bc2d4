/*
 * import/mapping.h - which column of a file becomes what, decided from the header line alone.
 *
 * In this order: what --map says; a header that ends with __c is a custom field ("SquareFeet__c" is square_feet); the
 * synonyms of the entity (synonyms.h), then those of all entities; the names of the entity's own fields. What is
 * left over is not imported, and reported.
 *
 * Special targets beside the names of fields:
 *   first name, last name   of a user: together they are his name
 *   account                 of a contact: makes an AccountContactRole
 *   method KIND             of a contact: makes a ContactMethod of this kind
 *   price list              of a price: the name of its list
 *   -                       nothing
 */
#ifndef ROVE_HQ_MAPPING_H
#define ROVE_HQ_MAPPING_H

#include "base/alloc.h"
#include "import/csv_file.h"
#include "model/entity.h"

typedef enum mapping_role {
    MAPPING_NOTHING,
    MAPPING_FIELD,
    MAPPING_CUSTOM, /* `ordinal` is -1 while the field does not exist */
    MAPPING_FIRST_NAME,
    MAPPING_LAST_NAME,
    MAPPING_ACCOUNT,
    MAPPING_METHOD,
    MAPPING_PRICE_LIST
} mapping_role;

typedef struct mapping_column {
    const char *header; /* as in the file; cut to ROVE_NAME_MAX * 2 bytes */
    mapping_role role;
    int silenced; /* --map said that it is nothing */
    int ordinal;  /* of the field, else -1 */
    int64_t kind; /* of a contact method */
    char custom[ROVE_NAME_MAX + 1];
} mapping_column;

typedef struct mapping {
    const rove__entity *entity;
    mapping_column *columns; /* arena */
    size_t count;
    int key; /* column that holds the external id, -1: none */
} mapping;

/*
 * `name`: of the file, a hint. `entity`: NULL to guess it. `map`: "Header=target" with commas or line ends between
 * them and # before remarks; NULL for none. ROVE_INVALID with a sentence: what the file is cannot be said, a column is named
 * twice, a column that every record needs is missing, a target does not exist.
 */
ROVE_CHECK rove_status mapping_make(const rove__registry *registry, const csv_record *header,
                                    const char *name, const rove__entity *entity, const char *map,
                                    rove__arena *arena, mapping *out, rove_error *error);
/* The importable entity that an operator means ("account", "Accounts", "PriceItem"), NULL if none. */
const rove__entity *mapping_entity(const rove__registry *registry, const char *name);
/* Where it stands among them: what others refer to comes first. */
size_t mapping_rank(const rove__entity *entity);
/* "Territory, User, ...": what mapping_entity takes. */
const char *mapping_entities(void);

#endif
