/*
 * store/renamed.c - records that are under another id than refused and returned work names them by: headquarters renamed them (P4), or a
 * refused record was made anew under a fresh id. What is kept of such work stays as it was sent; it is given the ids of now when it
 * is done again, or goes along to headquarters.
 */
#include "store/exchange.h"
#include "wire/rename.h"

rove_status rove__renamed_put(rove__store *store, const rove__rename *rename, rove_error *error) {
    rove_status status = rove__exchange_run(store, ROVE_EXCHANGE_RENAMED_FOLLOW, error, "iii",
                                            (int64_t)rename->entity, rename->id, rename->to);
    return status == ROVE_OK ? rove__exchange_run(store, ROVE_EXCHANGE_RENAMED_PUT, error, "iiiii",
                                                  (int64_t)rename->entity, rename->id,
                                                  (int64_t)rename->origin.stamp,
                                                  (int64_t)rename->origin.replica, rename->to)
                             : status;
}

rove_status rove__renamed_find(rove__store *store, const rove__change *change, int *again,
                               rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__origin origin = change->clock.origin;
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_RENAMED_GET, &statement, error, "iiii",
                           (int64_t)change->row.entity_number, change->row.id,
                           (int64_t)origin.stamp, (int64_t)origin.replica);

    *again = statement != NULL;
    sqlite3_reset(statement);
    return status;
}

static rove_status list_all(rove__store *store, rove__arena *arena, rove__rename **items,
                            size_t *count, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    int more = 0;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_RENAMED_ALL, &statement, error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        *items = rove__arena_grown(arena, *items, *count, &capacity, sizeof **items);
        if (*items == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        (*items)[(*count)++] =
            (rove__rename){.entity = (uint32_t)sqlite3_column_int64(statement, 0),
                           .id = sqlite3_column_int64(statement, 1),
                           .origin = {(rove_stamp)sqlite3_column_int64(statement, 2),
                                      (rove_replica)sqlite3_column_int64(statement, 3)},
                           .to = sqlite3_column_int64(statement, 4)};
        status = rove__exchange_step(store, statement, &more, error);
    }
    return status;
}

rove_status rove__renamed_follow(rove__store *store, rove__change *change, rove__arena *arena,
                                 rove_error *error) {
    rove__rename *items = NULL;
    size_t count = 0;
    int changed = 0;
    rove_status status = list_all(store, arena, &items, &count, error);
    const rove__renames renames = {items, count};

    return status == ROVE_OK ? rove__rename_change(&renames, change, arena, &changed) : status;
}
