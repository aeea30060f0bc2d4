/*
 * store/sqlite/feed.c - what changed at which seq, and what left which scope.
 */
#include "store/sqlite/lite.h"

static rove_status feed_put(rove__hq_tx *tx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                            rove_id id) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _feed(seq, ordinal, entity, id) VALUES(?, ?, ?, ?)");

    rove__lite_bind_u64(&s, seq);
    rove__lite_bind_int(&s, ordinal);
    rove__lite_bind_int(&s, entity);
    rove__lite_bind_int(&s, id);
    return rove__lite_run(&s);
}

static rove_status
feed_scan(rove__hq_tx *tx, uint64_t after_seq, uint32_t after_ordinal, uint64_t last_seq,
          rove_status (*each)(void *, uint64_t seq, uint32_t ordinal, uint32_t entity, rove_id id),
          void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT seq, ordinal, entity, id FROM _feed"
                            " WHERE (seq, ordinal) > (?, ?) AND seq <= ? ORDER BY seq, ordinal");

    rove__lite_bind_bound(&s, after_seq);
    rove__lite_bind_int(&s, after_ordinal);
    rove__lite_bind_bound(&s, last_seq);
    while (rove__lite_next(&s)) {
        s.status = each(each_ctx, rove__lite_u64(&s, 0), (uint32_t)rove__lite_int(&s, 1),
                        (uint32_t)rove__lite_int(&s, 2), rove__lite_int(&s, 3));
    }
    return rove__lite_end(&s);
}

static rove_status mark_put(rove__hq_tx *tx, const rove__hq_mark *mark) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _mark(seq, entity, id, root, part) VALUES(?, ?, ?, ?, ?)"
                            " ON CONFLICT DO NOTHING");

    rove__lite_bind_u64(&s, mark->seq);
    rove__lite_bind_int(&s, mark->entity);
    rove__lite_bind_int(&s, mark->id);
    rove__lite_bind_int(&s, mark->scope.root);
    rove__lite_bind_int(&s, mark->scope.part);
    return rove__lite_run(&s);
}

static rove_status each_mark(rove__lite_statement *s,
                             rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
    while (rove__lite_next(s)) {
        rove__hq_mark mark = {
            .entity = (uint32_t)rove__lite_int(s, 1),
            .id = rove__lite_int(s, 2),
            .scope = {rove__lite_int(s, 3), (int32_t)rove__lite_int(s, 4)},
            .seq = rove__lite_u64(s, 0),
        };
        s->status = each(each_ctx, &mark);
    }
    return rove__lite_end(s);
}

static rove_status mark_scan(rove__hq_tx *tx, uint64_t after_seq, uint64_t last_seq,
                             rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT seq, entity, id, root, part FROM _mark"
                            " WHERE seq > ? AND seq <= ? ORDER BY seq, entity, id, root, part");

    rove__lite_bind_bound(&s, after_seq);
    rove__lite_bind_bound(&s, last_seq);
    return each_mark(&s, each, each_ctx);
}

static rove_status mark_of_row(rove__hq_tx *tx, uint32_t entity, rove_id id,
                               rove_status (*each)(void *, const rove__hq_mark *), void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT seq, entity, id, root, part FROM _mark"
                            " WHERE entity = ? AND id = ? ORDER BY seq, root, part");

    rove__lite_bind_int(&s, entity);
    rove__lite_bind_int(&s, id);
    return each_mark(&s, each, each_ctx);
}

void rove__lite_fill_feed(rove__hq_store *store) {
    store->feed_put = feed_put;
    store->feed_scan = feed_scan;
    store->mark_put = mark_put;
    store->mark_scan = mark_scan;
    store->mark_of_row = mark_of_row;
}
