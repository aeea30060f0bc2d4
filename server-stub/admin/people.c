/*
 * admin/people.c - see people.h.
 */
#include "admin/people.h"

#include <string.h>

#include "args.h"
#include "base/text.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX ((size_t)1024 * 1024)

typedef struct search {
    hq_person person;
    int found;
} search;

static void take(const rove__row *row, hq_person *person) {
    int name = rove__entity_field_named(row->entity, "name");
    int status = rove__entity_field_named(row->entity, "status");
    const rove_value *cell = &row->cells[name];
    *person = (hq_person){.id = row->id};
    if (cell->type == ROVE_TEXT) {
        rove__text_format(person->name, sizeof person->name, "%.*s", (int)cell->size,
                          (const char *)cell->as.data);
    }
    if (row->cells[status].type == ROVE_INT) {
        person->status = row->cells[status].as.integer;
    }
}

static rove_status each_user(void *ctx, const rove__hq_row *row) {
    search *self = ctx;
    take(&row->row, &self->person);
    self->found++;
    return ROVE_OK;
}

rove_status hq_get_person(hq *headquarters, rove__hq_tx *tx, rove_id id, hq_person *person,
                          rove_error *error) {
    rove__arena arena;
    rove__hq_row row;
    const rove__entity *user = rove__registry_by_name(hq_registry(headquarters), "User");
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)->store.row_get(tx, user->number, id, 0, &arena, &row);
    if (status == ROVE_OK && row.dead != 0) {
        status = ROVE_NOT_FOUND;
    }
    if (status == ROVE_OK) {
        take(&row.row, person);
    }
    rove__arena_free(&arena);
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, status, "There is no user %lld.", (long long)id);
    }
    return status;
}

static rove_status by_field(hq *headquarters, rove__hq_tx *tx, const char *field, const char *text,
                            search *result) {
    rove__arena arena;
    rove_value value = rove__value_text(text);
    const rove__entity *user = rove__registry_by_name(hq_registry(headquarters), "User");
    result->found = 0;
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)
            ->directory.row_find(tx, user->number, rove__entity_field_named(user, field), &value,
                                 &arena, each_user, result);
    rove__arena_free(&arena);
    return status;
}

rove_status hq_find_person(hq *headquarters, rove__hq_tx *tx, const char *text, hq_person *person,
                           rove_error *error) {
    static const char *const fields[] = {"login", "external_id", "name"};
    search result = {.found = 0};
    int64_t id = 0;
    rove_status status = ROVE_OK;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == ROVE_OK; i++) {
        status = by_field(headquarters, tx, fields[i], text, &result);
        if (status == ROVE_OK && result.found > 1) {
            return rove__error_set(error, ROVE_INVALID,
                                   "%d users have the %s '%.60s'. Give a login or an id instead; "
                                   "rove-hq users lists them.",
                                   result.found, fields[i], text);
        }
        if (status == ROVE_OK && result.found == 1) {
            *person = result.person;
            return ROVE_OK;
        }
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (hq_number(text, 1, INT64_MAX, &id)) {
        return hq_get_person(headquarters, tx, id, person, error);
    }
    return rove__error_set(error, ROVE_NOT_FOUND,
                           "There is no user '%.80s'. rove-hq users lists them.", text);
}

rove_status hq_check_receives(const hq_person *person, rove_error *error) {
    return person->status <= ROVE__USER__STATUS__ACTIVE
               ? ROVE_OK
               : rove__error_set(error, ROVE_STATE,
                                 "%.100s is suspended or has left. Name somebody else, or first: "
                                 "rove-hq users activate %lld",
                                 person->name, (long long)person->id);
}

rove_status hq_check_user_receives(hq *headquarters, rove__hq_tx *tx, rove_id id,
                                   rove_error *error) {
    hq_person person;
    rove_status status = hq_get_person(headquarters, tx, id, &person, error);

    return status == ROVE_OK ? hq_check_receives(&person, error) : status;
}

rove_status hq_user_receives(hq *headquarters, rove__hq_tx *tx, rove_id id, int *receives) {
    rove_status status = hq_check_user_receives(headquarters, tx, id, NULL);

    *receives = status == ROVE_OK;
    return status == ROVE_NOT_FOUND || status == ROVE_STATE ? ROVE_OK : status;
}
