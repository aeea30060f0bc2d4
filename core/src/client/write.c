/*
 * client/write.c - the rep's writes: fields, messages and packed bytes become rows, and rows go to the store.
 *
 * A write joins the transaction that its thread has open, or is one of its own. Names are looked up inside it:
 * there no field comes. A write that fails leaves an open transaction as it was before the write.
 */
#include <string.h>

#include "base/text.h"
#include "client/internal.h"

rove_value rove_null(void) {
    return rove__value_null();
}

rove_value rove_int(int64_t integer) {
    return rove__value_int(integer);
}

rove_value rove_real(double real) {
    return rove__value_real(real);
}

rove_value rove_text(const char *text) {
    return text != NULL ? rove__value_text(text) : rove__value_null();
}

/* ---- transactions ---- */

rove_status rove_begin(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_status status = rove__client_check(replica, error);
    return status == ROVE_OK ? rove__store_begin(replica->store, error) : status;
}

rove_status rove_commit(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    /* Another thread's transaction is not ours to commit. */
    if (!rove__store_in_transaction(replica->store)) {
        return rove__error_set(error, ROVE_STATE, "This thread has no transaction open.");
    }
    return rove__store_commit(replica->store, error);
}

void rove_rollback(rove *replica) {
    if (replica != NULL && rove__store_in_transaction(replica->store)) {
        rove__store_rollback(replica->store);
    }
}

rove_status rove__client_enter(rove *replica, int *own, rove_error *error) {
    *own = !rove__store_in_transaction(replica->store);
    rove_status status = *own ? rove__client_check(replica, error) : ROVE_OK;
    return *own && status == ROVE_OK ? rove__store_begin(replica->store, error) : status;
}

rove_status rove__client_leave(rove *replica, int own, rove_status status, rove_error *error) {
    if (!own) {
        return status;
    }
    if (status == ROVE_OK) {
        return rove__store_commit(replica->store, error);
    }
    rove__store_rollback(replica->store);
    return status;
}

/* ---- rows ---- */

static int sane(const rove_value *value) {
    switch (value->type) {
    case ROVE_NULL:
    case ROVE_INT:
    case ROVE_REAL:
        return 1;
    case ROVE_TEXT:
    case ROVE_BLOB:
        return value->size == 0 || value->as.data != NULL;
    }
    return 0;
}

static rove_status find_field(const rove__entity *entity, const char *name, size_t *ordinal,
                              rove_error *error) {
    int at = name != NULL ? rove__entity_field_named(entity, name) : -1;

    *ordinal = 0;
    if (at < 0) {
        return rove__error_set(error, ROVE_UNKNOWN_FIELD, "%s has no field \"%s\".", entity->name,
                               name != NULL ? name : "");
    }
    *ordinal = (size_t)at;
    return ROVE_OK;
}

static rove_status put_field(rove__row *row, const rove_field *field, rove_error *error) {
    const rove__entity *entity = row->entity;
    size_t ordinal = 0;
    rove_status status = find_field(entity, field->name, &ordinal, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (rove__bits_get(&row->present, ordinal)) {
        return rove__error_set(error, ROVE_INVALID, "The field %s is given twice.", field->name);
    }
    if (!sane(&field->value)) {
        return rove__error_set(error, ROVE_INVALID, "The value of %s is no value.", field->name);
    }
    if (entity->fields[ordinal].kind == ROVE_KIND_SET && field->value.type != ROVE_NULL) {
        return rove__error_set(error, ROVE_INVALID,
                               "%s is a set: add and remove its elements one by one.", field->name);
    }
    rove__row_set(row, ordinal, field->value);
    return ROVE_OK;
}

rove_status rove__client_row(const rove__entity *entity, rove_id id, const rove_field *fields,
                             size_t count, rove__arena *arena, rove__row *row, rove_error *error) {
    rove_status status = rove__row_init(row, entity, id, arena);

    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = put_field(row, &fields[i], error);
    }
    return status;
}

/* ---- one write ---- */

/* What a write is made of; which parts count depends on it. */
typedef struct deed {
    const char *entity;
    rove_id id; /* insert: 0 before, the record's after */
    const rove_field *fields;
    size_t count;
    const char *field;
    int64_t delta;
    rove_value element;
    int present;
    const void *bytes;
    size_t size;
    const ProtobufCMessage *message;
} deed;

typedef rove_status (*deed_doer)(rove *replica, const rove__entity *entity, deed *act,
                                 rove__arena *arena, rove_error *error);

static rove_status run_deed(rove *replica, deed *act, deed_doer doer, rove_error *error) {
    const rove__entity *entity = NULL;
    rove__arena arena;
    int own = 0;

    if (replica == NULL || (act->fields == NULL && act->count > 0) || act->id < 0) {
        return rove__client_invalid(error,
                                    "A write takes a replica, fields and the id of a record.");
    }
    rove_status status = rove__client_entity(replica, act->entity, &entity, error);
    if (status == ROVE_OK) {
        status = rove__client_enter(replica, &own, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &replica->ports.allocator, ROVE_ROW_ARENA_MAX);
    status = doer(replica, entity, act, &arena, error);
    status = rove__client_leave(replica, own, status, error);
    rove__arena_free(&arena);
    return status;
}

static rove_status run(rove *replica, deed *act, deed_doer doer, rove_error *error) {
    rove_error detail = {.message = ""};

    return rove__client_said(run_deed(replica, act, doer, &detail), &detail, error);
}

static rove_status do_insert(rove *replica, const rove__entity *entity, deed *act,
                             rove__arena *arena, rove_error *error) {
    rove__row row;
    rove_status status = rove__client_row(entity, 0, act->fields, act->count, arena, &row, error);

    if (status == ROVE_OK) {
        status = rove__store_insert(replica->store, &row, error);
        act->id = row.id;
    }
    return status;
}

rove_status rove_insert(rove *replica, const char *entity, const rove_field *fields, size_t count,
                        rove_id *id, rove_error *error) {
    deed act = {.entity = entity, .fields = fields, .count = count};

    if (id == NULL) {
        return rove__client_invalid(error, "An insert takes a place for the record's id.");
    }
    *id = 0;
    rove_status status = run(replica, &act, do_insert, error);
    if (status == ROVE_OK) {
        *id = act.id;
    }
    return status;
}

static rove_status do_update(rove *replica, const rove__entity *entity, deed *act,
                             rove__arena *arena, rove_error *error) {
    rove__row row;
    rove_status status =
        rove__client_row(entity, act->id, act->fields, act->count, arena, &row, error);

    return status == ROVE_OK ? rove__store_update(replica->store, &row, error) : status;
}

rove_status rove_update(rove *replica, const char *entity, rove_id id, const rove_field *fields,
                        size_t count, rove_error *error) {
    deed act = {.entity = entity, .id = id, .fields = fields, .count = count};

    return run(replica, &act, do_update, error);
}

static rove_status do_seal(rove *replica, const rove__entity *entity, deed *act, rove__arena *arena,
                           rove_error *error) {
    rove__row row;
    rove_status status =
        rove__client_row(entity, act->id, act->fields, act->count, arena, &row, error);

    return status == ROVE_OK ? rove__store_seal(replica->store, &row, error) : status;
}

rove_status rove_seal(rove *replica, const char *entity, rove_id id, const rove_field *fields,
                      size_t count, rove_error *error) {
    deed act = {.entity = entity, .id = id, .fields = fields, .count = count};

    return run(replica, &act, do_seal, error);
}

static rove_status do_delete(rove *replica, const rove__entity *entity, deed *act,
                             rove__arena *arena, rove_error *error) {
    (void)arena;
    return rove__store_delete(replica->store, entity, act->id, error);
}

rove_status rove_delete(rove *replica, const char *entity, rove_id id, rove_error *error) {
    deed act = {.entity = entity, .id = id};

    return run(replica, &act, do_delete, error);
}

static rove_status do_undo(rove *replica, const rove__entity *entity, deed *act, rove__arena *arena,
                           rove_error *error) {
    (void)arena;
    return rove__store_undo(replica->store, entity, act->id, error);
}

rove_status rove_undo(rove *replica, const char *entity, rove_id id, rove_error *error) {
    deed act = {.entity = entity, .id = id};

    return run(replica, &act, do_undo, error);
}

static rove_status do_increment(rove *replica, const rove__entity *entity, deed *act,
                                rove__arena *arena, rove_error *error) {
    size_t ordinal = 0;
    rove_status status = find_field(entity, act->field, &ordinal, error);

    (void)arena;
    if (status != ROVE_OK) {
        return status;
    }
    if (entity->fields[ordinal].kind != ROVE_KIND_COUNTER) {
        return rove__error_set(error, ROVE_INVALID, "%s is not a counter.", act->field);
    }
    return rove__store_increment(replica->store, entity, act->id, ordinal, act->delta, error);
}

rove_status rove_increment(rove *replica, const char *entity, rove_id id, const char *field,
                           int64_t delta, rove_error *error) {
    deed act = {.entity = entity, .id = id, .field = field, .delta = delta};

    return run(replica, &act, do_increment, error);
}

static rove_status do_element(rove *replica, const rove__entity *entity, deed *act,
                              rove__arena *arena, rove_error *error) {
    size_t ordinal = 0;
    rove_status status = find_field(entity, act->field, &ordinal, error);

    (void)arena;
    if (status != ROVE_OK) {
        return status;
    }
    if (entity->fields[ordinal].kind != ROVE_KIND_SET) {
        return rove__error_set(error, ROVE_INVALID, "%s is not a set.", act->field);
    }
    if (!sane(&act->element)) {
        return rove__error_set(error, ROVE_INVALID, "The element is no value.");
    }
    return rove__store_element(replica->store, entity, act->id, ordinal, &act->element,
                               act->present ? ROVE_SET_ADD : ROVE_SET_REMOVE, error);
}

rove_status rove_element(rove *replica, const char *entity, rove_id id, const char *field,
                         rove_value element, int present, rove_error *error) {
    deed act = {.entity = entity, .id = id, .field = field, .element = element, .present = present};

    return run(replica, &act, do_element, error);
}

/* ---- messages ---- */

static rove_status put_row(rove *replica, rove__row *row, deed *act, rove_error *error) {
    rove_status status = row->id == 0 ? rove__store_insert(replica->store, row, error)
                                      : rove__store_update(replica->store, row, error);

    act->id = row->id;
    return status;
}

static rove_status do_put_packed(rove *replica, const rove__entity *entity, deed *act,
                                 rove__arena *arena, rove_error *error) {
    rove__row row;
    rove_status status = rove__row_from_packed(&row, rove__store_registry(replica->store), entity,
                                               act->bytes, act->size, arena, error);

    return status == ROVE_OK ? put_row(replica, &row, act, error) : status;
}

rove_status rove_put_packed(rove *replica, const char *entity, const void *bytes, size_t size,
                            rove_id *id, rove_error *error) {
    deed act = {.entity = entity, .bytes = bytes, .size = size};

    if (id == NULL || (bytes == NULL && size > 0)) {
        return rove__client_invalid(error, "A put takes bytes and a place for the record's id.");
    }
    *id = 0;
    rove_status status = run(replica, &act, do_put_packed, error);
    if (status == ROVE_OK) {
        *id = act.id;
    }
    return status;
}

static rove_status do_put(rove *replica, const rove__entity *entity, deed *act, rove__arena *arena,
                          rove_error *error) {
    rove__row row;
    rove_status status = rove__row_from_message(&row, rove__store_registry(replica->store),
                                                act->message, arena, error);

    (void)entity;
    return status == ROVE_OK ? put_row(replica, &row, act, error) : status;
}

rove_status rove_put(rove *replica, const struct ProtobufCMessage *message, rove_id *id,
                     rove_error *error) {
    deed act = {.message = message};

    if (replica == NULL || id == NULL || message == NULL || message->descriptor == NULL) {
        return rove__client_invalid(error,
                                    "A put takes a message and a place for the record's id.");
    }
    *id = 0;
    act.entity = message->descriptor->short_name;
    rove_status status = run(replica, &act, do_put, error);
    if (status == ROVE_OK) {
        *id = act.id;
    }
    return status;
}
