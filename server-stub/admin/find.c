/*
 * admin/find.c - see find.h.
 */
#include "admin/find.h"

#include <string.h>

#include "admin/people.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX ((size_t)4 * 1024 * 1024)
#define ID_LEAST  (INT64_C(1) << 32)

/* "account" is "Account", "accounts", "Accounts"; "territories" is "Territory". */
static int names(const char *text, const char *name) {
    size_t size = strlen(text);
    size_t stem = strlen(name);

    if (value_text_alike(text, size, name, stem)) {
        return 1;
    }
    if (size > 1 && text[size - 1] == 's' && value_text_alike(text, size - 1, name, stem)) {
        return 1;
    }
    return size > 3 && strcmp(text + size - 3, "ies") == 0 && name[stem - 1] == 'y' &&
           value_text_alike(text, size - 3, name, stem - 1);
}

rove_status hq_find_entity(hq *headquarters, const char *text, const rove__entity **entity,
                           rove_error *error) {
    const rove__registry *registry = hq_registry(headquarters);
    char all[ROVE_ERROR_MESSAGE_MAX] = "";

    *entity = NULL;
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *at = rove__registry_at(registry, i);
        if (names(text, at->name)) {
            *entity = at;
            return ROVE_OK;
        }
        size_t used = strlen(all);
        rove__text_format(all + used, sizeof all - used, "%s%s", i == 0 ? "" : " ", at->table);
    }
    return rove__error_set(error, ROVE_UNKNOWN_ENTITY, "There is no entity '%.40s'. There are: %s",
                           text, all);
}

static rove_status each_id(void *ctx, const rove__hq_row *row) {
    rove_id *id = ctx;

    *id = row->row.id;
    return ROVE_DONE;
}

static rove_status by_external_id(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                                  const char *text, rove_id *id) {
    int ordinal = rove__entity_field_named(entity, "external_id");
    rove_value value = rove__value_text(text);
    rove__arena arena;

    *id = 0;
    if (ordinal < 0) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)
            ->directory.row_find(tx, entity->number, ordinal, &value, &arena, each_id, id);
    rove__arena_free(&arena);
    return status;
}

static rove_status by_id(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                         const char *text, rove_id *id) {
    int64_t wanted = 0;
    rove__hq_row row;
    rove__arena arena;

    *id = 0;
    if (!hq_number(text, ID_LEAST, INT64_MAX, &wanted)) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)->store.row_get(tx, entity->number, wanted, 0, &arena, &row);
    *id = status == ROVE_OK ? wanted : 0;
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

rove_status hq_find_record(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                           const char *text, rove_id *id, rove_error *error) {
    rove_status status = by_external_id(headquarters, tx, entity, text, id);

    if (status == ROVE_OK && *id == 0) {
        status = by_id(headquarters, tx, entity, text, id);
    }
    if (status == ROVE_OK && *id == 0 && entity->message == &rove__user__descriptor) {
        hq_person person = {.id = 0};
        status = hq_find_person(headquarters, tx, text, &person, error);
        *id = person.id;
    }
    if (status == ROVE_OK && *id == 0) {
        return rove__error_set(error, ROVE_NOT_FOUND,
                               "There is no %s with the external id or the id '%.80s'.",
                               entity->name, text);
    }
    return status;
}

/* A text field's value as "%.*s" wants it; 0 bytes if it is not there. */
static int text_of(const rove__row *row, const char *field, int sensitive, const char **text) {
    int ordinal = rove__entity_field_named(row->entity, field);

    *text = "";
    if (ordinal < 0 || row->cells[ordinal].type != ROVE_TEXT ||
        (!sensitive && (row->entity->fields[ordinal].flags & ROVE_FIELD_SENSITIVE) != 0)) {
        return 0;
    }
    *text = (const char *)row->cells[ordinal].as.data;
    return (int)(row->cells[ordinal].size < 80 ? row->cells[ordinal].size : 80);
}

void hq_describe(const rove__row *row, int sensitive, char *text, size_t capacity) {
    static const char *const labels[] = {"name",    "full_name", "first_name", "company",
                                         "subject", "label",     "value"};
    const char *label = "";
    const char *external = "";
    int size = 0;
    int external_size = text_of(row, "external_id", sensitive, &external);

    for (size_t i = 0; i < sizeof labels / sizeof labels[0] && size == 0; i++) {
        size = text_of(row, labels[i], sensitive, &label);
    }
    rove__text_format(text, capacity, "%s %lld%s%.*s%s", row->entity->name, (long long)row->id,
                      external_size > 0 ? " [" : "", external_size, external,
                      external_size > 0 ? "]" : "");
    size_t used = strlen(text);
    if (size > 0) {
        rove__text_format(text + used, capacity - used, " (%.*s)", size, label);
    }
}
