/*
 * assign/territory.c - see territory.h.
 */
#include "assign/territory.h"

#include "admin/people.h"
#include "base/alloc.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX ((size_t)1024 * 1024)
#define DAY_MS    INT64_C(86400000)

void territory_history_init(territory_history *history, const rove_allocator *allocator) {
    *history = (territory_history){.allocator = allocator};
}

void territory_history_free(territory_history *history) {
    rove__free(history->allocator, history->stays);
    territory_history_init(history, history->allocator);
}

rove_status territory_history_add(territory_history *history, territory_stay stay) {
    if (history->count == history->capacity) {
        size_t capacity = history->capacity == 0 ? 64 : history->capacity * 2;
        territory_stay *stays =
            rove__alloc_resize(history->allocator, history->stays, capacity, sizeof *stays);
        if (stays == NULL) {
            return ROVE_NOMEM;
        }
        history->stays = stays;
        history->capacity = capacity;
    }
    history->stays[history->count++] = stay;
    return ROVE_OK;
}

int64_t territory_day(int64_t unix_ms) {
    return unix_ms / DAY_MS - (unix_ms % DAY_MS < 0);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static int64_t number_of(const rove__row *row, const char *field, int64_t otherwise) {
    const rove_value *value = &row->cells[rove__entity_field_named(row->entity, field)];

    return value->type == ROVE_INT ? value->as.integer : otherwise;
}

static rove_status each_assignment(void *ctx, const rove__hq_row *found) {
    const int64_t primary = ROVE__TERRITORY_ASSIGNMENT__ROLE__PRIMARY;
    const rove__row *row = &found->row;
    int64_t first_ms = number_of(row, "valid_from", INT64_MIN);
    int64_t last_ms = number_of(row, "valid_to", INT64_MAX);
    territory_stay stay = {.user = number_of(row, "user_id", 0),
                           .territory = number_of(row, "territory_id", 0),
                           .first_day = territory_day(first_ms),
                           .last_day =
                               last_ms == INT64_MAX ? TERRITORY_OPEN : territory_day(last_ms)};

    return number_of(row, "role", primary) == primary ? territory_history_add(ctx, stay) : ROVE_OK;
}

static rove_status say_gone(territory_history *history, hq *headquarters, rove__hq_tx *tx) {
    rove_status status = ROVE_OK;
    int receives = 0;

    for (size_t i = 0; i < history->count && status == ROVE_OK; i++) {
        territory_stay *stay = &history->stays[i];
        if (i == 0 || stay->user != stay[-1].user) {
            status = hq_user_receives(headquarters, tx, stay->user, &receives);
        }
        stay->gone = !receives;
    }
    return status;
}

rove_status territory_history_read(territory_history *history, hq *headquarters, rove__hq_tx *tx) {
    const rove__entity *assignment = rove__registry_by_message(
        hq_registry(headquarters), &rove__territory_assignment__descriptor);
    const rove_value any = rove__value_null();
    rove__arena arena;

    rove__arena_init(&arena, history->allocator, ARENA_MAX);
    rove_status status = hq_database(headquarters)
                             ->directory.row_find(tx, assignment->number, -1, &any, &arena,
                                                  each_assignment, history);
    rove__arena_free(&arena);
    return status == ROVE_OK ? say_gone(history, headquarters, tx) : status;
}

/* ---- the rule ------------------------------------------------------------------------------------------- */

static int covers(const territory_stay *stay, int64_t day) {
    return stay->first_day <= day && day <= stay->last_day;
}

/* The last day on which the user worked the territory, up to `day`; INT64_MIN: he never did. */
static int64_t last_day_there(const territory_history *history, rove_id territory, rove_id user,
                              int64_t day) {
    int64_t last = INT64_MIN;

    for (size_t i = 0; i < history->count; i++) {
        const territory_stay *stay = &history->stays[i];
        int64_t until = stay->last_day < day ? stay->last_day : day;
        if (stay->territory == territory && stay->user == user && stay->first_day <= day &&
            until > last) {
            last = until;
        }
    }
    return last;
}

/* Whether something may come by this stay to who has it on `day`: not if that is somebody who is gone. */
static int receives(const territory_stay *stay, int64_t day) {
    return !stay->gone || stay->last_day < day;
}

/* Who works there on a day, the one who began last; `until` is the day that is asked about. NULL with *several 0 or 1: nobody, or two alike. */
static const territory_stay *newest_on(const territory_history *history, rove_id territory,
                                       int64_t day, int64_t until, int *several) {
    const territory_stay *newest = NULL;

    *several = 0;
    for (size_t i = 0; i < history->count; i++) {
        const territory_stay *stay = &history->stays[i];
        if (stay->territory != territory || !covers(stay, day) || !receives(stay, until)) {
            continue;
        }
        if (newest == NULL || stay->first_day > newest->first_day) {
            newest = stay;
            *several = 0;
        } else if (stay->first_day == newest->first_day && stay->user != newest->user) {
            *several = 1;
        }
    }
    return *several ? NULL : newest;
}

/* The first day after `day` on which somebody comes, up to `until`; 0: nobody does. */
static int next_arrival(const territory_history *history, rove_id territory, int64_t day,
                        int64_t until, int64_t *arrival) {
    int found = 0;

    for (size_t i = 0; i < history->count; i++) {
        const territory_stay *stay = &history->stays[i];
        if (stay->territory == territory && stay->first_day > day && stay->first_day <= until &&
            receives(stay, until) && (!found || stay->first_day < *arrival)) {
            *arrival = stay->first_day;
            found = 1;
        }
    }
    return found;
}

static territory_fate sole_worker(const territory_history *history, rove_id territory, int64_t day,
                                  rove_id *to) {
    *to = 0;
    for (size_t i = 0; i < history->count; i++) {
        const territory_stay *stay = &history->stays[i];
        if (stay->territory == territory && covers(stay, day) && receives(stay, day)) {
            if (*to != 0 && *to != stay->user) {
                return TERRITORY_SEVERAL;
            }
            *to = stay->user;
        }
    }
    return *to == 0 ? TERRITORY_NOBODY : TERRITORY_PASSES;
}

territory_fate territory_holder(const territory_history *history, rove_id territory, rove_id holder,
                                int64_t day, rove_id *to) {
    int several = 0;

    if (holder == 0) {
        return sole_worker(history, territory, day, to);
    }
    *to = holder;
    int64_t left = last_day_there(history, territory, holder, day);
    if (left == INT64_MIN) {
        return TERRITORY_STAYS;
    }
    /* From successor to successor; each of them leaves later than the one before. */
    while (left < day) {
        int64_t next = left + 1;
        const territory_stay *stay = newest_on(history, territory, next, day, &several);
        if (stay == NULL && !several && next_arrival(history, territory, left, day, &next)) {
            stay = newest_on(history, territory, next, day, &several);
        }
        if (stay == NULL) {
            return several ? TERRITORY_SEVERAL : TERRITORY_NOBODY;
        }
        *to = stay->user;
        left = stay->last_day < day ? stay->last_day : day;
    }
    return *to == holder ? TERRITORY_STAYS : TERRITORY_PASSES;
}
