/*
 * store/handover.c - the replica passes to another user of the same headquarters (D11), in one transaction: what the first one
 * did is sealed under his identity and goes below 0, where the batches of former numbers are (former.c); all else of his leaves.
 *
 * Nothing of what he did waits any longer, for nobody could do anything about it here: what was held back (D8), and what headquarters
 * refused and he has not dropped yet, goes along, and an operator sees to it. Of the other tables nothing stays, by whatever
 * build they were made. What lies in gaps of the file is tidy.c's.
 */
#include <string.h>

#include "base/planted.h"
#include "base/text.h"
#include "store/exchange.h"

/* Of headquarters and of this device, not of a user. */
#define META_KEPT                                                                                  \
    "'" ROVE_META_SCHEMA "', '" ROVE_META_LAYOUT "', '" ROVE_META_CLOCK "', '" ROVE_META_ANCHOR    \
    "', '" ROVE_META_DIGEST_KEY "', '" ROVE_META_SYNCED "', '" ROVE_META_SETTLED                   \
    "', '" ROVE_META_SEAL_KEY "'"
#define SQL_MAX 512

/* ---- what he did ---------------------------------------------------------------------------------------- */

static rove_status add(rove__flight *flight, const rove__change *change, rove_error *error) {
    rove_status status = rove__flight_add(flight, change, error);

    if (status == ROVE_LIMIT) {
        status = rove__flight_land(flight, error);
        if (status == ROVE_OK) {
            status = rove__flight_add(flight, change, error);
        }
    }
    return status;
}

static rove_status add_rejections(rove__flight *flight, rove__exchange *exchange,
                                  rove_error *error) {
    rove__store *store = flight->store;
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_REJECTION_ALL, &statement, error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__change change;
        rove__arena_reset(&exchange->row);
        status = rove__change_unpack(store, sqlite3_column_blob(statement, 0),
                                     (size_t)sqlite3_column_bytes(statement, 0), &exchange->row,
                                     &change, error);
        if (status == ROVE_OK) {
            status = rove__renamed_follow(store, &change, &exchange->row, error);
        }
        if (status == ROVE_OK && change.row.entity != NULL) {
            status = add(flight, &change, error);
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

rove_status rove__freeze_refused(rove__store *store, rove__exchange *exchange, rove_error *error) {
    int64_t frozen = 0;
    rove__flight flight;

    rove_status status = rove__meta_get_int(store, ROVE_META_FROZEN, &frozen, error);
    if (status == ROVE_OK) {
        status = rove__flight_open(&flight, store, (uint64_t)frozen + 1, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = add_rejections(&flight, exchange, error);
    if (status == ROVE_OK) {
        status = rove__flight_land(&flight, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_FROZEN, (int64_t)flight.number - 1, error);
    }
    rove__flight_free(&flight);
    return status == ROVE_OK ? rove__exchange_run(store, ROVE_EXCHANGE_REJECTION_CLEAR, error, "")
                             : status;
}

static rove_status seal_all(rove__store *store, const rove__sealer *sealer, rove_error *error) {
    int64_t batch = INT64_MIN;

    for (;;) {
        sqlite3_stmt *statement = NULL;
        rove_status status =
            rove__exchange_row(store, ROVE_EXCHANGE_FRAME_BATCH, &statement, error, "i", batch);
        if (status != ROVE_OK || statement == NULL) {
            return status;
        }
        batch = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        status = rove__journal_seal(store, batch, sealer, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
}

static rove_status put_away(rove__store *store, rove__exchange *exchange,
                            const rove__sealer *sealer, rove_error *error) {
    int64_t frozen = 0;

    rove_status status = ROVE_OK;
    if (!ROVE_PLANTED(D11_REFUSED_GONE)) {
        status = rove__freeze_refused(store, exchange, error);
    }
    if (status == ROVE_OK && !ROVE_PLANTED(D11_UNSENT_GONE)) {
        status = rove__freeze_rows(store, NULL, 0, error);
    }
    if (status == ROVE_OK) {
        status = seal_all(store, sealer, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_FROZEN, &frozen, error);
    }
    return status == ROVE_OK ? rove__fork_retire(store, frozen, error) : status;
}

/* ---- what leaves ---------------------------------------------------------------------------------------- */

static rove_status execute(rove__store *store, const char *sql, rove_error *error) {
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return rove__sqlite_status(store->db, code, error, "Emptying the replica");
}

/* A statement made of the table's name, which an entity gave it or schema.c. */
static rove_status empty_table(rove__store *store, const char *name, rove_error *error) {
    char sql[SQL_MAX];

    if (strlen(name) > sizeof sql - 32 || strchr(name, '"') != NULL) {
        return rove__error_set(error, ROVE_CORRUPT, "The replica has tables that are not its own.");
    }
    rove__text_format(sql, sizeof sql, "DELETE FROM \"%s\"", name);
    return execute(store, sql, error);
}

static rove_status empty_tables(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status = rove__exchange_row(store, ROVE_EXCHANGE_TABLE_ALL, &statement, error, "");
    for (more = statement != NULL && !ROVE_PLANTED(D11_STAYS); status == ROVE_OK && more;) {
        status = empty_table(store, (const char *)sqlite3_column_text(statement, 0), error);
        if (status == ROVE_OK) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status begin_anew(rove__store *store, const rove__store_owner *owner,
                              rove_error *error) {
    const rove__cursor start = {0, 0};

    rove_status status =
        execute(store, "DELETE FROM _meta WHERE key NOT IN (" META_KEPT ")", error);
    if (status == ROVE_OK) {
        status = rove__meta_put_cursor(store, start, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_TELL, 1, error);
    }
    if (status == ROVE_OK && !ROVE_PLANTED(D11_REMAINS)) {
        status = rove__meta_put_int(store, ROVE_META_REMAINS, ROVE_REMAINS_FILE, error);
    }
    store->clock.counter = 0; /* ids are counted under the new number */
    rove__sum_forget(store);
    for (size_t i = 0; i < rove__registry_count(store->registry); i++) {
        rove__store_note(store, rove__registry_at(store->registry, i)->number, 0);
    }
    return status == ROVE_OK ? rove__meta_put_owner(store, owner, error) : status;
}

rove_status rove__store_hand_over(rove__store *store, const rove__hand_over *to,
                                  rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK && to->seal_key != NULL) {
        status = rove__meta_put_seal_key(store, to->seal_key, error);
    }
    if (status == ROVE_OK) {
        status = put_away(store, exchange, to->sealer, error);
    }
    if (status == ROVE_OK) {
        status = empty_tables(store, error);
    }
    if (status == ROVE_OK) {
        status = begin_anew(store, &to->owner, error);
    }
    return rove__store_leave(store, status, error);
}
