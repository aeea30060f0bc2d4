/*
 * client/read.c - reading records and running queries, on readers from the pool, and the watcher.
 *
 * A read inside a transaction of its own thread sees what that transaction wrote; all others see what was
 * committed last. A query keeps its reader, and so its snapshot, until it is freed.
 */
#include <string.h>

#include "base/text.h"
#include "client/internal.h"

#define PACKED_MAX     ((size_t)4 * ROVE_ROW_MAX)
#define EVENTS_AT_ONCE 64

struct rove_query {
    rove *replica;
    rove__reader_connection *reader;
    rove__query *query;
};

/* ---- records ---- */

/* What a record is turned into; one of the two is filled in. */
typedef struct form {
    rove__buf *packed;
    ProtobufCAllocator *allocator;
    ProtobufCMessage *message;
} shape;

static rove_status convert(const rove__row *row, shape *form) {
    if (form->packed == NULL) {
        return rove__row_to_message(row, form->allocator, &form->message);
    }
    rove_status status = rove__row_to_packed(row, form->packed);
    return status == ROVE_OK ? rove__buf_status(form->packed) : status;
}

/* With a reader: what is committed; without: what this thread's transaction sees. */
static rove_status get_one(rove *replica, rove__reader_connection *reader,
                           const rove__entity *entity, rove_id id, shape *form, rove_error *error) {
    rove__arena arena;
    rove__row row;

    rove__arena_init(&arena, &replica->ports.allocator, ROVE_ROW_ARENA_MAX);
    rove_status status = reader != NULL ? rove__reader_get(reader, entity, id, &arena, &row)
                                        : rove__store_get(replica->store, entity, id, &arena, &row);
    if (status == ROVE_OK) {
        status = convert(&row, form);
    }
    rove__arena_free(&arena);
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, status, "There is no %s with the id %lld.", entity->name,
                               (long long)id);
    }
    return status == ROVE_OK ? status
                             : rove__error_set(error, status, "Reading a %s: %s", entity->name,
                                               rove_status_text(status));
}

static rove_status get_as(rove *replica, const char *name, rove_id id, shape *form,
                          rove_error *error) {
    const rove__entity *entity = NULL;
    rove__reader_connection *reader = NULL;
    rove_status status = rove__client_entity(replica, name, &entity, error);

    if (status == ROVE_OK && !rove__store_in_transaction(replica->store)) {
        status = rove__client_reader(replica, &reader, error);
    }
    if (status == ROVE_OK) {
        status = get_one(replica, reader, entity, id, form, error);
    }
    rove__client_reader_back(replica, reader);
    return status;
}

rove_status rove_get_packed(rove *replica, const char *entity, rove_id id, void **bytes,
                            size_t *size, rove_error *error) {
    rove__buf packed;
    shape form = {.packed = &packed};

    if (replica == NULL || bytes == NULL || size == NULL) {
        return rove__client_invalid(error, "Reading takes a replica and a place for the bytes.");
    }
    *bytes = NULL;
    *size = 0;
    rove__buf_init(&packed, &replica->ports.allocator, PACKED_MAX);
    rove_status status = get_as(replica, entity, id, &form, error);
    if (status != ROVE_OK) {
        rove__buf_free(&packed);
        return status;
    }
    *bytes = packed.data;
    *size = packed.size;
    return ROVE_OK;
}

void rove_release(rove *replica, void *bytes) {
    if (replica != NULL) {
        rove__free(&replica->ports.allocator, bytes);
    }
}

static void *message_alloc(void *data, size_t size) {
    return rove__alloc(data, size);
}

static void message_free(void *data, void *pointer) {
    rove__free(data, pointer);
}

static ProtobufCAllocator message_allocator(rove *replica) {
    return (ProtobufCAllocator){
        .alloc = message_alloc, .free = message_free, .allocator_data = &replica->ports.allocator};
}

rove_status rove_get(rove *replica, const char *entity, rove_id id,
                     struct ProtobufCMessage **message, rove_error *error) {
    if (replica == NULL || message == NULL) {
        return rove__client_invalid(error, "Reading takes a replica and a place for the message.");
    }
    ProtobufCAllocator allocator = message_allocator(replica);
    shape form = {.allocator = &allocator};
    *message = NULL;
    rove_status status = get_as(replica, entity, id, &form, error);
    if (status == ROVE_OK) {
        *message = form.message;
    }
    return status;
}

void rove_release_message(rove *replica, struct ProtobufCMessage *message) {
    if (replica != NULL && message != NULL) {
        ProtobufCAllocator allocator = message_allocator(replica);
        protobuf_c_message_free_unpacked(message, &allocator);
    }
}

/* ---- queries ---- */

rove_status rove_query_new(rove *replica, const char *sql, const rove_value *parameters,
                           size_t count, rove_query **out, rove_error *error) {
    if (out == NULL || replica == NULL || sql == NULL || (parameters == NULL && count > 0)) {
        return rove__client_invalid(error, "A query takes a replica, SQL and its parameters.");
    }
    *out = NULL;
    rove_query *query = rove__alloc_zeroed(&replica->ports.allocator, 1, sizeof *query);
    if (query == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    query->replica = replica;
    rove_status status = rove__client_reader(replica, &query->reader, error);
    if (status == ROVE_OK) {
        status = rove__query_new(query->reader, sql, parameters, count, &query->query, error);
    }
    if (status != ROVE_OK) {
        rove_query_free(query);
        return status;
    }
    *out = query;
    return ROVE_OK;
}

rove_status rove_query_step(rove_query *query, rove_error *error) {
    return query != NULL ? rove__query_step(query->query, error)
                         : rove__client_invalid(error, "There is no query.");
}

size_t rove_query_columns(const rove_query *query) {
    return query != NULL ? rove__query_columns(query->query) : 0;
}

const char *rove_query_name(const rove_query *query, size_t column) {
    return query != NULL ? rove__query_name(query->query, column) : "";
}

rove_value rove_query_value(const rove_query *query, size_t column) {
    return query != NULL ? rove__query_value(query->query, column) : rove__value_null();
}

void rove_query_free(rove_query *query) {
    if (query == NULL) {
        return;
    }
    rove *replica = query->replica;
    rove__query_free(query->query);
    rove__client_reader_back(replica, query->reader);
    rove__free(&replica->ports.allocator, query);
}

/* ---- the watcher ---- */

static void pass_on(void *ctx, const rove__store_event *events, size_t count) {
    rove *replica = ctx;
    rove_event batch[EVENTS_AT_ONCE];

    rove__mutex_enter(replica->watching);
    for (size_t done = 0; replica->watcher != NULL && done < count;) {
        size_t some = count - done < EVENTS_AT_ONCE ? count - done : EVENTS_AT_ONCE;
        for (size_t i = 0; i < some; i++) {
            const rove__entity *entity = rove__registry_by_number(
                rove__store_registry(replica->store), events[done + i].entity);
            batch[i] = (rove_event){.entity = entity != NULL ? entity->name : "?",
                                    .id = events[done + i].id};
        }
        replica->watcher(replica->watcher_ctx, batch, some);
        done += some;
    }
    rove__mutex_leave(replica->watching);
}

void rove_watch(rove *replica, rove_watcher watcher, void *ctx) {
    if (replica == NULL) {
        return;
    }
    rove__mutex_enter(replica->watching);
    replica->watcher = watcher;
    replica->watcher_ctx = ctx;
    rove__mutex_leave(replica->watching);
    rove__store_watch(replica->store, watcher != NULL ? pass_on : NULL, replica);
}
