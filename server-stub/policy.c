/*
 * policy.c - see policy.h.
 */
#include "policy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define ARENA_MAX ((size_t)64 * 1024)

/* The object as it is kept; an empty one where there is none. NULL: it is none. */
static json_t *parse(rove__bytes text) {
    return text.size == 0
               ? json_object()
               : json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
}

static rove_status setting(rove__hq_database *database, rove__hq_tx *tx, rove__arena *arena,
                           rove__bytes *text) {
    rove_status status = database->directory.setting_get(tx, "policy", arena, text);

    if (status == ROVE_NOT_FOUND) {
        *text = (rove__bytes){NULL, 0};
        return ROVE_OK;
    }
    return status;
}

static rove_status not_understood(rove_error *error) {
    return rove__error_set(error, ROVE_CORRUPT,
                           "The setting \"policy\" of the database is no JSON object that this "
                           "version understands.");
}

static rove_status fill(policy *self, rove_error *error) {
    json_int_t poll_ms = HQ_POLL_MS;
    json_int_t oldest = ROVE_SCHEMA_OLDEST;
    json_int_t keep_days = HQ_KEEP_DAYS;
    json_int_t lease_ms = 0;
    json_t *object = parse(self->server.policy);
    int understood = object != NULL && json_unpack(object, "{s?I, s?I, s?I, s?I}", "poll_ms",
                                                   &poll_ms, "oldest_schema", &oldest, "keep_days",
                                                   &keep_days, "lease_ms", &lease_ms) == 0;

    json_decref(object);
    if (!understood || oldest < 0 || oldest > UINT32_MAX || keep_days < 0 ||
        keep_days > HQ_KEEP_DAYS_MAX || lease_ms < 0 || lease_ms > HQ_LEASE_MAX_MS) {
        return not_understood(error);
    }
    self->server.poll_ms = poll_ms;
    self->server.oldest_schema = (uint32_t)oldest;
    self->server.lease_ms = lease_ms;
    self->keep_days = (int)keep_days;
    return ROVE_OK;
}

rove_status policy_read(const rove_allocator *allocator, rove__hq_database *database,
                        rove__hq_tx *tx, policy *older, policy **out, rove_error *error) {
    rove__arena arena;
    rove__bytes text;
    policy *self = NULL;

    *out = NULL;
    rove__arena_init(&arena, allocator, ARENA_MAX);
    rove_status status = setting(database, tx, &arena, &text);
    if (status == ROVE_OK) {
        self = rove__alloc_zeroed(allocator, 1, sizeof *self + text.size);
        status = self == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    if (status == ROVE_OK) {
        if (text.size > 0) {
            memcpy(self->text, text.data, text.size);
        }
        self->server.policy = (rove__bytes){self->text, text.size};
        status = fill(self, error);
    }
    rove__arena_free(&arena);
    if (status != ROVE_OK) {
        rove__free(allocator, self);
        return status;
    }
    self->older = older;
    *out = self;
    return ROVE_OK;
}

void policy_free(const rove_allocator *allocator, policy *self) {
    while (self != NULL) {
        policy *older = self->older;
        rove__free(allocator, self);
        self = older;
    }
}

rove_status policy_write(rove__hq_database *database, rove__hq_tx *tx,
                         const rove_allocator *allocator, const policy_change *changes,
                         size_t count, rove_error *error) {
    rove__arena arena;
    rove__bytes text;
    char *written = NULL;

    rove__arena_init(&arena, allocator, ARENA_MAX);
    rove_status status = setting(database, tx, &arena, &text);
    if (status == ROVE_OK) {
        json_t *object = parse(text);
        status = json_is_object(object) ? ROVE_OK : not_understood(error);
        for (size_t i = 0; i < count && status == ROVE_OK; i++) {
            json_t *value = json_integer((json_int_t)changes[i].value);
            status =
                json_object_set_new(object, changes[i].name, value) == 0 ? ROVE_OK : ROVE_NOMEM;
        }
        written = status == ROVE_OK ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        json_decref(object);
        status = status == ROVE_OK && written == NULL ? ROVE_NOMEM : status;
    }
    if (status == ROVE_OK) {
        rove__bytes bytes = {(const uint8_t *)written, strlen(written)};
        status = database->directory.setting_put(tx, "policy", bytes);
    }
    free(written);
    rove__arena_free(&arena);
    return status;
}
