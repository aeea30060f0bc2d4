/*
 * store/sqlite/grant.c - who holds which root when, and which root entails which.
 */
#include "store/sqlite/lite.h"

#define GRANT_SELECT "SELECT user, root, part_from, part_to, from_seq, to_seq, author FROM _grant "
#define GRANT_ORDER  "ORDER BY user, root, from_seq"

#define ENTAILMENT_SELECT "SELECT holder, entailed, via, from_seq, to_seq FROM _entailment "
#define ENTAILMENT_ORDER  "ORDER BY holder, entailed, via, from_seq"

static rove_status grant_put(rove__hq_tx *tx, const rove__hq_grant *grant) {
    rove__lite_statement s = rove__lite_open(
        tx, "INSERT INTO _grant(user, root, from_seq, to_seq, part_from, part_to, author)"
            " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(user, root, from_seq) DO UPDATE SET"
            " to_seq = excluded.to_seq, part_from = excluded.part_from,"
            " part_to = excluded.part_to, author = excluded.author");

    rove__lite_bind_int(&s, grant->user);
    rove__lite_bind_int(&s, grant->root);
    rove__lite_bind_u64(&s, grant->from);
    rove__lite_bind_u64(&s, grant->to);
    rove__lite_bind_int(&s, grant->part_from);
    rove__lite_bind_int(&s, grant->part_to);
    rove__lite_bind_int(&s, grant->author);
    return rove__lite_run(&s);
}

/* Of two ids by which something is looked for, 0 stands for any. */
static rove__lite_statement open_pair(rove__hq_tx *tx, const char *const sql[2][2], rove_id first,
                                      rove_id second) {
    rove__lite_statement s = rove__lite_open(tx, sql[first != 0][second != 0]);

    if (first != 0) {
        rove__lite_bind_int(&s, first);
    }
    if (second != 0) {
        rove__lite_bind_int(&s, second);
    }
    return s;
}

static rove_status grant_scan(rove__hq_tx *tx, rove_id user, rove_id root,
                              rove_status (*each)(void *, const rove__hq_grant *), void *each_ctx) {
    static const char *const sql[2][2] = {
        {GRANT_SELECT GRANT_ORDER, GRANT_SELECT "WHERE root = ? " GRANT_ORDER},
        {GRANT_SELECT "WHERE user = ? " GRANT_ORDER,
         GRANT_SELECT "WHERE user = ? AND root = ? " GRANT_ORDER},
    };
    rove__lite_statement s = open_pair(tx, sql, user, root);

    while (rove__lite_next(&s)) {
        rove__hq_grant grant = {
            .user = rove__lite_int(&s, 0),
            .root = rove__lite_int(&s, 1),
            .part_from = (int32_t)rove__lite_int(&s, 2),
            .part_to = (int32_t)rove__lite_int(&s, 3),
            .from = rove__lite_u64(&s, 4),
            .to = rove__lite_u64(&s, 5),
            .author = (int)rove__lite_int(&s, 6),
        };
        s.status = each(each_ctx, &grant);
    }
    return rove__lite_end(&s);
}

static rove_status entailment_put(rove__hq_tx *tx, const rove__hq_entailment *e) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _entailment(via, holder, entailed, from_seq, to_seq)"
                            " VALUES(?, ?, ?, ?, ?) ON CONFLICT(via, holder, entailed, from_seq)"
                            " DO UPDATE SET to_seq = excluded.to_seq");

    rove__lite_bind_int(&s, e->via);
    rove__lite_bind_int(&s, e->holder);
    rove__lite_bind_int(&s, e->entailed);
    rove__lite_bind_u64(&s, e->from);
    rove__lite_bind_u64(&s, e->to);
    return rove__lite_run(&s);
}

static rove_status entailment_scan(rove__hq_tx *tx, rove_id holder, rove_id entailed,
                                   rove_status (*each)(void *, const rove__hq_entailment *),
                                   void *each_ctx) {
    static const char *const sql[2][2] = {
        {ENTAILMENT_SELECT ENTAILMENT_ORDER,
         ENTAILMENT_SELECT "WHERE entailed = ? " ENTAILMENT_ORDER},
        {ENTAILMENT_SELECT "WHERE holder = ? " ENTAILMENT_ORDER,
         ENTAILMENT_SELECT "WHERE holder = ? AND entailed = ? " ENTAILMENT_ORDER},
    };
    rove__lite_statement s = open_pair(tx, sql, holder, entailed);

    while (rove__lite_next(&s)) {
        rove__hq_entailment e = {
            .holder = rove__lite_int(&s, 0),
            .entailed = rove__lite_int(&s, 1),
            .via = rove__lite_int(&s, 2),
            .from = rove__lite_u64(&s, 3),
            .to = rove__lite_u64(&s, 4),
        };
        s.status = each(each_ctx, &e);
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_grant(rove__hq_store *store) {
    store->grant_put = grant_put;
    store->grant_scan = grant_scan;
    store->entailment_put = entailment_put;
    store->entailment_scan = entailment_scan;
}
