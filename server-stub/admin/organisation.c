/*
 * admin/organisation.c - see organisation.h.
 */
#include "admin/organisation.h"

#include <string.h>

#include "base/text.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX ((size_t)256 * 1024)

typedef struct reading {
    hq *headquarters;
    char *currency;
} reading;

static rove_status each_settings(void *ctx, const rove__hq_row *row) {
    reading *self = ctx;
    int ordinal = rove__entity_field_named(row->row.entity, "base_currency");
    const rove_value *cell = &row->row.cells[ordinal];

    if (cell->type == ROVE_TEXT && cell->size == 3) {
        memcpy(self->currency, cell->as.data, 3);
    }
    return ROVE_DONE;
}

static rove_status read_settings(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    const rove__entity *settings =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__settings__descriptor);
    const rove_value none = rove__value_null();
    rove__arena arena;

    (void)error;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)
            ->directory.row_find(tx, settings->number, -1, &none, &arena, each_settings, self);
    rove__arena_free(&arena);
    return status;
}

rove_status hq_currency(hq *headquarters, char currency[4], rove_error *error) {
    reading self = {headquarters, currency};

    rove__text_format(currency, 4, "%s", HQ_CURRENCY);
    return hq_read(headquarters, read_settings, &self, error);
}
