/*
 * import/import.h - what the files of the import share: a run of the command, one file of it, one record on its way, and
 * the job that writes some of them.
 *
 *   csv_file -> mapping -> record.c: an item, with what needs no look-up     -> apply.c: rows, in a transaction
 *
 * A file is read twice: first for the types of new custom fields and for external ids that occur twice, then for
 * good. Items are committed in jobs well below the limits of a transaction. A record that refers to a later one of
 * its own file (a parent account) goes in without the reference, and once more at the end.
 *
 * An empty cell leaves what stands. A record is found again by its external id; a TerritoryAssignment and a PriceItem
 * by whom and what they bring together and the day on which they begin.
 */
#ifndef ROVE_HQ_IMPORT_H
#define ROVE_HQ_IMPORT_H

#include "hq.h"
#include "import/csv_file.h"
#include "import/custom.h"
#include "import/mapping.h"
#include "import/names.h"

#define IMPORT_FILE_MAX ((size_t)512 * 1024 * 1024)
/* Of one job; a contact makes several rows. */
#define IMPORT_ITEMS_MAX 500
#define IMPORT_ROWS_MAX  900
#define IMPORT_BYTES_MAX ((size_t)96 * 1024)
/* Methods of one contact in one record. */
#define IMPORT_METHODS_MAX 16
/* Changes that a dry run tells one by one, of each file. */
#define IMPORT_CHANGES_MAX 50
/* A natural key and its NUL. */
#define IMPORT_KEY_SIZE 128
/* What is said of a double; a long long. */
#define IMPORT_DOUBLE "The same record is in line %lld already."

typedef struct import_tally {
    uint64_t inserted;
    uint64_t updated;
    uint64_t unchanged;
} import_tally;

typedef struct import_refusal {
    size_t line;
    const char *column; /* its header, "" for the whole line */
    const char *reason;
} import_refusal;

/* What a dry run says of a record that would change. */
typedef struct import_change {
    size_t line;
    const rove__entity *entity;
    const char *fields; /* "name, phone" */
} import_change;

/* One run of the command. */
typedef struct import {
    hq *headquarters;
    const hq_io *io;
    int dry_run;
    char currency[4]; /* of the organisation */
    int money_digits;
    names *pending;  /* dry run: records that would be there, by entity and external id */
    rove_id made_up; /* dry run: the last id given to one of them */
    names *states;   /* --leads-by: a state's territory; NULL without it */
} import;

/* One file. */
typedef struct import_file {
    import *run;
    const char *name; /* as the operator gave it */
    char *bytes;
    size_t size;
    csv_file *csv;
    mapping map;
    custom_guess *guesses; /* by column */
    names *seen;           /* external id or natural key as its texts have it: its first line */
    names *keys;           /* natural key: the record that had it before; empty for external ids */
    names *taken;          /* natural key: the line of this file that was put under it */
    rove__arena arena;     /* of all above and below */
    size_t lines;          /* records read, without the header */
    size_t customs;        /* custom fields made */
    import_tally tally[ROVE_ENTITIES_MAX]; /* by position in the registry */
    import_refusal *refusals;
    size_t refused;
    size_t refusals_room;
    import_change *changes; /* dry run: the first IMPORT_CHANGES_MAX of them; arena */
    size_t change_count;
    csv_position *later; /* records to be imported once more at the end */
    size_t later_count;
    size_t later_room;
    int again; /* that end has come: nothing is counted a second time */
} import_file;

/* A piece of a record, borrowed from the job's arena. */
typedef struct import_text {
    const char *text;
    size_t size;
    size_t column;
} import_text;

typedef struct import_reference {
    size_t ordinal;
    import_text name; /* external id, id, or a user's login */
} import_reference;

typedef struct import_method {
    int64_t kind;
    rove_value value;
    int ordinal; /* the contact's own field that holds it too, else -1 */
} import_method;

/* One record on its way. */
typedef struct import_item {
    csv_position at;
    rove__row row; /* cells that need no look-up; no empty ones */
    import_reference *references;
    size_t reference_count;
    import_text account;    /* of a contact */
    import_text price_list; /* of a price */
    import_method methods[IMPORT_METHODS_MAX];
    size_t method_count;
} import_item;

/* Why an item was refused, or that it has to come again. */
typedef struct import_trouble {
    size_t item;
    size_t column; /* SIZE_MAX: the whole line */
    int later;
    const char *reason;
} import_trouble;

/* A record that was put under its natural key. */
typedef struct import_taken {
    char key[IMPORT_KEY_SIZE];
    size_t line;
} import_taken;

/* Some items, in one transaction. What it finds out is taken over by the file only after the commit. */
typedef struct import_job {
    import_file *file;
    import_item items[IMPORT_ITEMS_MAX];
    size_t count;
    size_t rows; /* at most so many are written */
    size_t bytes;
    rove__arena arena; /* of the items */

    rove__hq_tx *tx;
    rove__writer *writer; /* NULL in a dry run */
    rove__arena scratch;  /* of one item's look-ups */
    rove__arena found;    /* of one row that a scan shows */
    rove__arena results;
    import_tally tally[ROVE_ENTITIES_MAX];
    import_trouble trouble[IMPORT_ITEMS_MAX * 2];
    size_t trouble_count;
    size_t line; /* of the item at hand */
    import_change changes[IMPORT_CHANGES_MAX];
    size_t change_count;
    import_taken taken[IMPORT_ITEMS_MAX];
    size_t taken_count;
} import_job;

/*
 * record.c: reads a record into the job's next item. ROVE_OK; or why it is refused, with *column (SIZE_MAX: the line).
 * Statuses of the class CALLER are refusals, others are failures.
 */
ROVE_CHECK rove_status import_record(import_job *job, const csv_record *record, size_t *column,
                                     rove_error *error);
/* The natural key of a record as its texts have it, for finding doubles in a file; "" for none. */
ROVE_CHECK rove_status import_record_key(const import_file *file, const csv_record *record,
                                         rove__arena *arena, const char **key, size_t *size);

/* apply.c: an hq_job; ctx is an import_job. */
ROVE_CHECK rove_status import_apply(void *ctx, rove__hq_tx *tx, rove_error *error);
/*
 * Puts a row as it is to stand: inserts it, or changes what differs, or does nothing; counts it. `existing` NULL:
 * new. Statuses of the class CALLER come before anything was written. *id: the record's.
 */
ROVE_CHECK rove_status import_put(import_job *job, rove__row *row, const rove__row *existing,
                                  rove_id *id, rove_error *error);
/* contact.c: the account and the methods of a contact that was put. `before`: as it stood, NULL: new. */
ROVE_CHECK rove_status import_contact(import_job *job, const import_item *item, rove_id contact,
                                      const rove__row *before, rove_id account, rove_error *error);

/* lookup.c: who an external id means, in the job's transaction. NOT_FOUND. */
ROVE_CHECK rove_status import_lookup(import_job *job, uint32_t entity, const char *text,
                                     size_t size, rove_id *id);
/* The live record whose field has this value, copied into `scratch`; NULL if there is none. */
ROVE_CHECK rove_status import_find(import_job *job, const rove__entity *entity, int ordinal,
                                   const rove_value *value, rove__row **row);
ROVE_CHECK rove_status import_get(import_job *job, uint32_t entity, rove_id id, rove__row **row);
/* Remembers in a dry run that a record would be there. */
ROVE_CHECK rove_status import_pretend(import_job *job, const rove__entity *entity,
                                      const rove_value *external_id, rove_id id);
/* The natural key of a row in import_file.keys and .taken; 0, and "", if the entity has none. */
int import_natural_key(const rove__row *row, char key[IMPORT_KEY_SIZE]);

/*
 * file.c: reads a file and decides what it holds (`map` is its fields), then imports it. The counts say what was done,
 * whatever the status. ROVE_INVALID from open: there is no such import. Free it in any case.
 */
ROVE_CHECK rove_status import_file_open(import_file *file, const rove__entity *entity,
                                        const char *map, rove_error *error);
ROVE_CHECK rove_status import_file_run(import_file *file, rove_error *error);
void import_file_free(import_file *file);
/* Reads a whole file into memory that rove__free releases, NUL-terminated. NOT_FOUND, TOO_BIG, IO, NOMEM. */
ROVE_CHECK rove_status import_load(import *run, const char *name, char **bytes, size_t *size,
                                   rove_error *error);
/* states.c: --leads-by. ROVE_INVALID with the line that is wrong. */
ROVE_CHECK rove_status import_states(import *run, const char *name, rove_error *error);
/* Trimmed and in lower case: under what a state is looked up. */
size_t import_state_key(const char *text, size_t size, char key[ROVE_NAME_MAX]);

#endif
