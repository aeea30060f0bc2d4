/*
 * import/lookup.c - who an external id means, and how a record without one is found again.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/text.h"
#include "import/import.h"

#include "rove/entities.pb-c.h"

#define PENDING_ROOM 1024
/* Ids begin here; smaller numbers are external ids of somebody. */
#define ID_LEAST (INT64_C(1) << 32)

typedef struct first {
    rove__arena *arena;
    rove__row *row;
} first;

static rove_status each_first(void *ctx, const rove__hq_row *row) {
    first *self = ctx;

    self->row = rove__arena_take(self->arena, sizeof *self->row);
    if (self->row == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = rove__row_copy(self->row, &row->row, self->arena);
    return status == ROVE_OK ? ROVE_DONE : status;
}

rove_status import_find(import_job *job, const rove__entity *entity, int ordinal,
                        const rove_value *value, rove__row **row) {
    first self = {.arena = &job->scratch};
    const rove__hq_database *database = hq_database(job->file->run->headquarters);
    rove_status status = database->directory.row_find(job->tx, entity->number, ordinal, value,
                                                      &job->found, each_first, &self);

    *row = self.row;
    return status;
}

rove_status import_get(import_job *job, uint32_t entity, rove_id id, rove__row **row) {
    rove__hq_row *found = rove__arena_take(&job->scratch, sizeof *found);
    const rove__hq_database *database = hq_database(job->file->run->headquarters);

    *row = NULL;
    if (found == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = database->store.row_get(job->tx, entity, id, 0, &job->scratch, found);
    if (status == ROVE_OK && found->dead == 0) {
        *row = &found->row;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* ---- records that a dry run only pretends --------------------------------------------------------------- */

/* 0 if it does not fit, which no external id does that passed its limits. */
static size_t pending_key(uint32_t entity, const char *text, size_t size, char key[PENDING_ROOM]) {
    if (size > PENDING_ROOM - 32) {
        return 0;
    }
    rove__text_format(key, PENDING_ROOM, "%u/%.*s", (unsigned)entity, (int)size, text);
    return strlen(key);
}

static int pending(const import_job *job, uint32_t entity, const char *text, size_t size,
                   rove_id *id) {
    char key[PENDING_ROOM];
    size_t used = pending_key(entity, text, size, key);

    return used > 0 && names_get(job->file->run->pending, key, used, id);
}

rove_status import_pretend(import_job *job, const rove__entity *entity,
                           const rove_value *external_id, rove_id id) {
    char key[PENDING_ROOM];

    if (external_id->type != ROVE_TEXT) {
        return ROVE_OK;
    }
    size_t used =
        pending_key(entity->number, (const char *)external_id->as.data, external_id->size, key);
    return used == 0 ? ROVE_OK : names_put(job->file->run->pending, key, used, id);
}

/* ---- look-ups ------------------------------------------------------------------------------------------- */

static rove_status by_text(import_job *job, const rove__entity *entity, const char *field,
                           const char *text, size_t size, rove_id *id) {
    rove_value value = rove__value_bytes(ROVE_TEXT, text, size);
    int ordinal = rove__entity_field_named(entity, field);
    rove__row *row = NULL;
    rove_status status = ordinal < 0 ? ROVE_OK : import_find(job, entity, ordinal, &value, &row);

    *id = row == NULL ? 0 : row->id;
    return status;
}

static rove_status by_id(import_job *job, uint32_t entity, const char *text, size_t size,
                         rove_id *id) {
    char number[24];
    int64_t wanted = 0;
    rove__row *row = NULL;

    *id = 0;
    if (size >= sizeof number) {
        return ROVE_OK;
    }
    rove__text_format(number, sizeof number, "%.*s", (int)size, text);
    if (!hq_number(number, ID_LEAST, INT64_MAX, &wanted)) {
        return ROVE_OK;
    }
    rove_status status = import_get(job, entity, wanted, &row);
    *id = row == NULL ? 0 : wanted;
    return status;
}

rove_status import_lookup(import_job *job, uint32_t number, const char *text, size_t size,
                          rove_id *id) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(job->file->run->headquarters), number);

    *id = 0;
    if (entity == NULL || size == 0) {
        return ROVE_NOT_FOUND;
    }
    if (pending(job, number, text, size, id)) {
        return ROVE_OK;
    }
    rove_status status = by_text(job, entity, "external_id", text, size, id);
    if (status == ROVE_OK && *id == 0 && entity->message == &rove__user__descriptor) {
        status = by_text(job, entity, "login", text, size, id);
    }
    if (status == ROVE_OK && *id == 0) {
        status = by_id(job, number, text, size, id);
    }
    return status == ROVE_OK && *id == 0 ? ROVE_NOT_FOUND : status;
}

int import_natural_key(const rove__row *row, char key[IMPORT_KEY_SIZE]) {
    static const char *const assignment[] = {"user_id", "territory_id", "valid_from", NULL};
    static const char *const price[] = {"price_list_id", "product_id", "min_quantity", "valid_from",
                                        NULL};
    const char *const *fields = row->entity->message == &rove__territory_assignment__descriptor
                                    ? assignment
                                : row->entity->message == &rove__price_item__descriptor ? price
                                                                                        : NULL;
    size_t used = 0;

    key[0] = '\0';
    for (; fields != NULL && *fields != NULL; fields++) {
        const rove_value *cell = &row->cells[rove__entity_field_named(row->entity, *fields)];
        int64_t number = cell->type == ROVE_INT ? cell->as.integer : 0;
        rove__text_format(key + used, IMPORT_KEY_SIZE - used, "%lld/", (long long)number);
        used = strlen(key);
    }
    return used > 0;
}
