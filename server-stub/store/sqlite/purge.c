/*
 * store/sqlite/purge.c - forgetting what lies behind a horizon (Q8).
 *
 * A tombstone whose `clock` is empty has been purged: its id stays taken, and _origin still names it.
 */
#include "store/sqlite/lite.h"

#define FEED       "_feed WHERE seq <= ?"
#define MARKS      "_mark WHERE seq <= ?"
#define GRANTS     "_grant WHERE to_seq <= ?"
#define EDGES      "_entailment WHERE to_seq <= ?"
#define TOMBSTONES "_tombstone WHERE seq <= ? AND clock <> x''"

/* One kind of thing: how many there are, and taking away at most so many of them. */
typedef struct kind {
    const char *count;
    const char *take;
} kind;

static const kind kinds[] = {
    {"SELECT count(*) FROM " FEED, "DELETE FROM _feed WHERE (seq, ordinal) IN"
                                   " (SELECT seq, ordinal FROM " FEED " LIMIT ?)"},
    {"SELECT count(*) FROM " MARKS, "DELETE FROM _mark WHERE (seq, entity, id, root, part) IN"
                                    " (SELECT seq, entity, id, root, part FROM " MARKS " LIMIT ?)"},
    {"SELECT count(*) FROM " GRANTS, "DELETE FROM _grant WHERE (user, root, from_seq) IN"
                                     " (SELECT user, root, from_seq FROM " GRANTS " LIMIT ?)"},
    {"SELECT count(*) FROM " EDGES,
     "DELETE FROM _entailment WHERE (via, holder, entailed, from_seq) IN"
     " (SELECT via, holder, entailed, from_seq FROM " EDGES " LIMIT ?)"},
    {"SELECT count(*) FROM " TOMBSTONES,
     "UPDATE _tombstone SET clock = x'', row = x'' WHERE rowid IN"
     " (SELECT rowid FROM " TOMBSTONES " LIMIT ?)"},
};

static rove_status count_one(rove__hq_tx *tx, const kind *of, uint64_t horizon, uint64_t *count) {
    rove__lite_statement s = rove__lite_open(tx, of->count);

    rove__lite_bind_bound(&s, horizon);
    if (rove__lite_get(&s)) {
        *count += rove__lite_u64(&s, 0);
    }
    return rove__lite_end(&s);
}

static rove_status take_some(rove__hq_tx *tx, const kind *of, uint64_t horizon, uint64_t *most,
                             uint64_t *count) {
    rove__lite_statement s = rove__lite_open(tx, of->take);

    rove__lite_bind_bound(&s, horizon);
    rove__lite_bind_bound(&s, *most);
    rove_status status = rove__lite_run(&s);
    if (status == ROVE_OK) {
        uint64_t taken = (uint64_t)sqlite3_changes(tx->db);
        *count += taken;
        *most -= taken;
    }
    return status;
}

static rove_status purge(rove__hq_tx *tx, uint64_t horizon, uint64_t most, rove__hq_purge *counts) {
    uint64_t *const by_kind[] = {&counts->feed, &counts->marks, &counts->grants,
                                 &counts->entailments, &counts->tombstones};
    uint64_t left = most;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == ROVE_OK; i++) {
        if (most == 0) {
            status = count_one(tx, &kinds[i], horizon, by_kind[i]);
        } else if (left > 0) {
            status = take_some(tx, &kinds[i], horizon, &left, by_kind[i]);
        }
    }
    return status;
}

static rove_status row_purged(rove__hq_tx *tx, uint32_t entity, rove_id id) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT 1 FROM _tombstone WHERE entity = ? AND id = ? AND clock = x''");

    rove__lite_bind_int(&s, entity);
    rove__lite_bind_int(&s, id);
    (void)rove__lite_get(&s);
    return rove__lite_end(&s);
}

void rove__lite_fill_purge(rove__hq_store *store) {
    store->purge = purge;
    store->row_purged = row_purged;
}
