/*
 * store/rejection.c - writes that headquarters refused, for the rep to put right or to drop.
 *
 * A rejection keeps the change as it was sent. Retrying puts it back through the same write path as any work of the rep,
 * so it is checked, stamped and sent anew. Work that was in review and that an operator returned is one as well: its change is
 * in a row of Review, whose id is its number, and what becomes of it is written there, so that headquarters and the rep's
 * other devices know.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "merge/merge.h"
#include "model/set.h"
#include "store/exchange.h"

#include "rove/entities.pb-c.h"

rove_status rove__rejection_put(rove__store *store, const rove__change *change, uint32_t field,
                                rove_status why, const char *reason, rove_error *error) {
    rove__bytes bytes;

    rove_status status = rove__change_pack(store, change, &store->row_arena, &bytes);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Keeping a rejected write failed.");
    }
    return rove__exchange_run(store, ROVE_EXCHANGE_REJECTION_PUT, error, "iiiiitib",
                              (int64_t)change->row.entity_number, change->row.id,
                              (int64_t)change->op, (int64_t)field, (int64_t)why, reason,
                              store->now_ms, (const void *)bytes.data, bytes.size);
}

static int is_returned(int64_t number) {
    return number > (int64_t)UINT32_MAX;
}

static rove_status load(rove__store *store, int64_t rejection, rove__arena *arena,
                        rove__change *change, rove_error *error) {
    sqlite3_stmt *statement = NULL;

    rove_status status = rove__exchange_row(
        store, is_returned(rejection) ? ROVE_EXCHANGE_RETURNED_GET : ROVE_EXCHANGE_REJECTION_GET,
        &statement, error, "i", rejection);
    if (status == ROVE_OK && statement == NULL) {
        status = rove__error_set(error, ROVE_NOT_FOUND, "There is no rejection %lld.",
                                 (long long)rejection);
    }
    if (status == ROVE_OK) {
        rove_value bytes = rove__column_value(statement, 0);
        status = bytes.type != ROVE_BLOB
                     ? rove__error_set(error, ROVE_TOO_BIG,
                                       "This work is too large to be given back; headquarters has "
                                       "it whole.")
                     : rove__change_unpack(store, bytes.as.data, bytes.size, arena, change, error);
        sqlite3_reset(statement);
    }
    if (status == ROVE_OK && change->row.entity == NULL) {
        status =
            rove__error_set(error, ROVE_UNKNOWN_ENTITY, "This build does not know the entity.");
    }
    return status;
}

/* ---- retry ---- */

/* A device's set or counter in the form in which a person writes it. */
static rove_status plain_cell(const rove__field *field, rove_value *value, rove__arena *arena) {
    rove__set set;
    rove__increment *increments = NULL;
    size_t count = 0;
    size_t kept = 0;
    int saturated = 0;
    rove_status status = ROVE_OK;

    if (field->kind == ROVE_KIND_COUNTER) {
        status = rove__increments_read(value, arena, &increments, &count);
        if (status == ROVE_OK) {
            *value = rove__value_int(rove__merge_counter(0, increments, count, &saturated));
        }
        return status;
    }
    if (field->kind != ROVE_KIND_SET) {
        return ROVE_OK;
    }
    status = rove__set_read(&set, value, ROVE_SET_DELTA, arena);
    for (size_t i = 0; status == ROVE_OK && i < set.count; i++) {
        if (set.elements[i].action == ROVE_SET_ADD) {
            set.elements[kept++] = set.elements[i];
        }
    }
    set.count = kept;
    set.form = ROVE_SET_PLAIN;
    return status == ROVE_OK ? rove__set_value(&set, arena, value) : status;
}

static void lay_fix(rove__row *row, const rove__row *fix) {
    for (size_t i = 0; fix != NULL && i < fix->cell_count; i++) {
        if (rove__bits_get(&fix->present, i)) {
            rove__row_set(row, i, fix->cells[i]);
        }
    }
}

static int fixed(const rove__row *fix, size_t ordinal) {
    return fix != NULL && rove__bits_get(&fix->present, ordinal);
}

/* Whether another record bears the id here, or may at headquarters: a number's ids are of the device that has it. */
static rove_status needs_fresh_id(rove__store *store, const rove__row *row, int *taken, int *needs,
                                  rove_error *error) {
    rove__record there;
    rove_status status =
        rove__record_load(store, row->entity, row->id, &store->row_arena, &there, error);

    *taken = status == ROVE_OK && (there.known || there.count > 0);
    *needs = *taken || rove__id_replica(row->id) != store->owner.replica;
    return status;
}

/*
 * A refused record is made anew: another one, from another origin. If it gets another id, what was written about it meanwhile,
 * and what else was refused, follows; but not where its old id names another record here, which is meant by then.
 */
static rove_status make_anew(rove__store *store, const rove__change *change, rove_error *error) {
    rove__row row = change->row;
    rove__rename rename = {
        .entity = row.entity->number, .id = row.id, .origin = change->clock.origin};
    int taken = 0;
    int needs = 0;

    rove_status status = needs_fresh_id(store, &row, &taken, &needs, error);
    if (status != ROVE_OK) {
        return status;
    }
    row.id = needs ? 0 : row.id;
    status = rove__store_insert(store, &row, error);
    rename.to = row.id;
    if (status == ROVE_OK) {
        status = rove__renamed_put(store, &rename, error);
    }
    return status == ROVE_OK && needs && !taken ? rove__renumber_references(store, &rename, error)
                                                : status;
}

static rove_status retry_insert(rove__store *store, rove__change *change, const rove__row *fix,
                                rove__arena *arena, rove_error *error) {
    rove__row *row = &change->row;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&row->present, i)) {
            status = plain_cell(&row->entity->fields[i], &row->cells[i], arena);
        }
    }
    lay_fix(row, fix);
    return status == ROVE_OK ? make_anew(store, change, error) : status;
}

/* Increments and elements are acts, and are done again as such. */
static rove_status retry_acts(rove__store *store, const rove__row *row, size_t ordinal,
                              rove__arena *arena, rove_error *error) {
    const rove__field *field = &row->entity->fields[ordinal];
    rove_value value = row->cells[ordinal];
    rove__set set;

    if (field->kind == ROVE_KIND_COUNTER) {
        rove_status status = plain_cell(field, &value, arena);
        return status == ROVE_OK ? rove__store_increment(store, row->entity, row->id, ordinal,
                                                         value.as.integer, error)
                                 : status;
    }
    rove_status status = rove__set_read(&set, &value, ROVE_SET_DELTA, arena);
    for (size_t i = 0; status == ROVE_OK && i < set.count; i++) {
        status = rove__store_element(store, row->entity, row->id, ordinal, &set.elements[i].value,
                                     set.elements[i].action, error);
    }
    return status;
}

/* 1 if the cell is acts to be done again, and not a value to be written. */
static int has_acts(const rove__change *change, size_t ordinal) {
    rove__kind kind = change->row.entity->fields[ordinal].kind;
    rove__set_cursor cursor;

    if (kind != ROVE_KIND_SET) {
        return kind == ROVE_KIND_COUNTER;
    }
    /* What was signed is the set itself. */
    rove__set_open(&cursor, &change->row.cells[ordinal],
                   change->op == ROVE_OP_SEAL ? ROVE_SET_PLAIN : ROVE_SET_DELTA);
    return cursor.form == ROVE_SET_DELTA;
}

static rove_status retry_edits(rove__store *store, const rove__change *change, const rove__row *fix,
                               rove__arena *arena, rove_error *error) {
    const rove__entity *entity = change->row.entity;
    rove_status status = ROVE_OK;
    rove__row row;

    status = rove__row_init(&row, entity, change->row.id, arena);
    for (size_t i = 0; i < change->row.cell_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(&change->row.present, i) || fixed(fix, i)) {
            continue;
        }
        if (has_acts(change, i)) {
            status = retry_acts(store, &change->row, i, arena, error);
        } else {
            rove__row_set(&row, i, change->row.cells[i]);
        }
    }
    if (status != ROVE_OK) {
        return status;
    }
    lay_fix(&row, fix);
    return change->op == ROVE_OP_SEAL ? rove__store_seal(store, &row, error)
                                      : rove__store_update(store, &row, error);
}

/* The record of this origin, pending deletes left out; *id 0: none. */
static rove_status find_origin(rove__store *store, const rove__entity *entity, rove__origin origin,
                               rove_id *id, rove_error *error) {
    rove__arena *arena = &store->exchange->row;
    sqlite3_stmt *statement = NULL;
    rove__clock clock;
    int more = 0;

    *id = 0;
    rove_status status = rove__extent_statement(store, entity, ROVE_EXTENT_ALL, &statement, error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, statement, &more, error);
    }
    while (status == ROVE_OK && more && *id == 0) {
        rove_value bytes = rove__column_value(statement, 1);
        rove__arena_reset(arena);
        status = rove__clock_read(&clock, bytes.as.data, bytes.size, arena);
        if (status == ROVE_OK && rove__version_compare(clock.origin, origin) == 0) {
            *id = sqlite3_column_int64(statement, 0);
        } else if (status == ROVE_OK) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

/*
 * Edits and deletes are of a record, and not of whatever has its id by now (P4): after a restore of headquarters that may be
 * another one. If none is under the id, the write itself says so.
 */
static rove_status find_record(rove__store *store, rove__change *change, rove_error *error) {
    const rove__entity *entity = change->row.entity;
    const rove__rename meant = {
        .entity = entity->number, .id = change->row.id, .origin = change->clock.origin};
    rove_id id = 0;
    int taken = 0;

    rove_status status = rove__renumber_taken(store, &meant, &taken, error);
    if (status != ROVE_OK || !taken) {
        return status;
    }
    status = find_origin(store, entity, meant.origin, &id, error);
    if (status == ROVE_OK && id == 0) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "The %s that this was written about is not here; another one has "
                               "its id.",
                               entity->table);
    }
    change->row.id = id;
    return status;
}

/* ---- what it names ---- */

typedef struct naming {
    rove__store *store;
    const rove__change *change;
    rove__arena *arena;
    rove_error *error;
} naming;

/*
 * A refused record that is not done again yet is what its id means here, for later work that names it waits (D8). If another
 * one has the id by now, it first has to get its own.
 */
static rove_status check_name(const naming *n, uint32_t target, rove_id id) {
    const rove__row *row = &n->change->row;
    sqlite3_stmt *statement = NULL;
    int more = 0;

    if (n->change->op == ROVE_OP_INSERT && id == row->id &&
        (target == ROVE_TARGET_ROOT || target == row->entity_number)) {
        return ROVE_OK; /* itself */
    }
    rove_status status = rove__exchange_row(n->store, ROVE_EXCHANGE_REJECTION_INSERT, &statement,
                                            n->error, "ii", (int64_t)target, id);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__change refused;
        int taken = 0;
        status = rove__change_unpack(n->store, sqlite3_column_blob(statement, 0),
                                     (size_t)sqlite3_column_bytes(statement, 0), n->arena, &refused,
                                     n->error);
        const rove__rename meant = {
            .entity = refused.row.entity_number, .id = id, .origin = refused.clock.origin};
        if (status == ROVE_OK) {
            status = rove__renumber_taken(n->store, &meant, &taken, n->error);
        }
        if (status == ROVE_OK && taken) {
            status = rove__error_set(n->error, ROVE_STATE,
                                     "This names a %s that was refused, and whose id another one "
                                     "has by now; try that one first.",
                                     refused.row.entity->table);
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(n->store, statement, &more, n->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status check_cell(const naming *n, const rove__field *field, const rove_value *value) {
    rove__set set = {ROVE_SET_DELTA, NULL, 0};

    if (field->kind != ROVE_KIND_SET) {
        return value->type == ROVE_INT ? check_name(n, field->target, value->as.integer) : ROVE_OK;
    }
    rove_status status = rove__set_read(&set, value, ROVE_SET_DELTA, n->arena);
    for (size_t i = 0; i < set.count && status == ROVE_OK; i++) {
        if (set.elements[i].value.type == ROVE_INT) {
            status = check_name(n, field->target, set.elements[i].value.as.integer);
        }
    }
    return status;
}

static rove_status check_names(const naming *n, const rove__row *fix) {
    const rove__row *row = &n->change->row;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&row->present, i) && !fixed(fix, i) &&
            row->entity->fields[i].target != 0) {
            status = check_cell(n, &row->entity->fields[i], &row->cells[i]);
        }
    }
    return status;
}

/* It is settled: gone, or for returned work said so in its Review. */
static rove_status settle(rove__store *store, int64_t rejection, int64_t state, rove__arena *arena,
                          rove_error *error) {
    const rove__entity *entity =
        rove__registry_by_message(store->registry, &rove__review__descriptor);
    rove__row row;

    if (!is_returned(rejection)) {
        return rove__exchange_run(store, ROVE_EXCHANGE_REJECTION_DROP, error, "i", rejection);
    }
    rove_status status = rove__row_init(&row, entity, rejection, arena);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "state"), rove__value_int(state));
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "change"), rove__value_null());
    return rove__store_update(store, &row, error);
}

static rove_status retry(rove__store *store, int64_t rejection, const rove__row *fix,
                         rove__arena *arena, rove_error *error) {
    rove__change change;
    int again = 0;

    rove_status status = load(store, rejection, arena, &change, error);
    if (status == ROVE_OK) {
        status = rove__renamed_find(store, &change, &again, error);
    }
    if (status == ROVE_OK && again && change.op == ROVE_OP_INSERT) {
        return rove__error_set(error, ROVE_EXISTS,
                               "This record was made anew already; discard what is left of it.");
    }
    if (status == ROVE_OK) {
        status = rove__renamed_follow(store, &change, arena, error);
    }
    /* One that was made anew has another origin. */
    if (status == ROVE_OK && !again && change.op != ROVE_OP_INSERT) {
        status = find_record(store, &change, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (fix != NULL && fix->entity != change.row.entity) {
        return rove__error_set(error, ROVE_INVALID, "The correction is of another entity.");
    }
    const naming names = {store, &change, arena, error};
    status = check_names(&names, fix);
    if (status != ROVE_OK) {
        return status;
    }
    switch (change.op) {
    case ROVE_OP_INSERT:
        status = retry_insert(store, &change, fix, arena, error);
        break;
    case ROVE_OP_DELETE:
        status = rove__store_delete(store, change.row.entity, change.row.id, error);
        break;
    default:
        status = retry_edits(store, &change, fix, arena, error);
        break;
    }
    return status == ROVE_OK ? settle(store, rejection, ROVE__REVIEW__STATE__RETRIED, arena, error)
                             : status;
}

static rove_status discard(rove__store *store, int64_t rejection, const rove__row *fix,
                           rove__arena *arena, rove_error *error) {
    rove__change change;

    (void)fix;
    rove_status status = load(store, rejection, arena, &change, error);
    if (status == ROVE_OK) {
        status = rove__discard_note(
            store, &change, is_returned(rejection) ? "returned work" : "a rejected write", error);
    }
    return status == ROVE_OK
               ? settle(store, rejection, ROVE__REVIEW__STATE__DISCARDED, arena, error)
               : status;
}

typedef rove_status (*act)(rove__store *store, int64_t rejection, const rove__row *fix,
                           rove__arena *arena, rove_error *error);

static rove_status act_in_transaction(rove__store *store, act what, int64_t rejection,
                                      const rove__row *fix, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_begin(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = what(store, rejection, fix, &exchange->arena, error);
    }
    if (status != ROVE_OK) {
        rove__store_rollback(store);
        return status;
    }
    return rove__store_commit(store, error);
}

rove_status rove__store_rejection_retry(rove__store *store, int64_t rejection, const rove__row *fix,
                                        rove_error *error) {
    return act_in_transaction(store, retry, rejection, fix, error);
}

rove_status rove__store_rejection_discard(rove__store *store, int64_t rejection,
                                          rove_error *error) {
    rove__exchange *exchange = NULL;

    if (is_returned(rejection)) {
        return act_in_transaction(store, discard, rejection, NULL, error);
    }
    /* Nothing is written for headquarters, so that this needs no enrolment. */
    rove_status status = rove__store_check(store, error);
    if (status == ROVE_OK) {
        status = rove__store_enter(store, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = discard(store, rejection, NULL, &exchange->arena, error);
    }
    return rove__store_leave(store, status, error);
}
