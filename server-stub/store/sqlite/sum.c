/*
 * store/sqlite/sum.c - the digests of scopes. One without rows is not kept: it reads as zeros.
 */
#include "store/sqlite/lite.h"

static rove__hash128 read_sum(rove__lite_statement *s, int column) {
    uint8_t bytes[16];

    rove__lite_copy(s, column, bytes, sizeof bytes);
    return rove__hash128_read(bytes);
}

static rove_status sum_get(rove__hq_tx *tx, rove__scope scope, rove__hash128 *sum, int64_t *rows) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT sum, rows FROM _sum WHERE root = ? AND part = ?");

    *sum = (rove__hash128){0, 0};
    *rows = 0;
    rove__lite_bind_int(&s, scope.root);
    rove__lite_bind_int(&s, scope.part);
    if (rove__lite_next(&s)) {
        *sum = read_sum(&s, 0);
        *rows = rove__lite_int(&s, 1);
    }
    return rove__lite_end(&s);
}

static rove_status sum_drop(rove__hq_tx *tx, rove__scope scope) {
    rove__lite_statement s = rove__lite_open(tx, "DELETE FROM _sum WHERE root = ? AND part = ?");

    rove__lite_bind_int(&s, scope.root);
    rove__lite_bind_int(&s, scope.part);
    return rove__lite_run(&s);
}

static rove_status sum_put(rove__hq_tx *tx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    uint8_t bytes[16];

    if (rows == 0 && sum.low == 0 && sum.high == 0) {
        return sum_drop(tx, scope);
    }
    rove__hash128_write(sum, bytes);
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _sum(root, part, sum, rows) VALUES(?, ?, ?, ?)"
                            " ON CONFLICT(root, part) DO UPDATE SET sum = excluded.sum,"
                            " rows = excluded.rows");
    rove__lite_bind_int(&s, scope.root);
    rove__lite_bind_int(&s, scope.part);
    rove__lite_bind_blob(&s, bytes, sizeof bytes);
    rove__lite_bind_int(&s, rows);
    return rove__lite_run(&s);
}

static rove_status sum_scan(rove__hq_tx *tx, rove_id root,
                            rove_status (*each)(void *, rove__scope, rove__hash128, int64_t),
                            void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT part, sum, rows FROM _sum WHERE root = ? ORDER BY part");

    rove__lite_bind_int(&s, root);
    while (rove__lite_next(&s)) {
        rove__scope scope = {root, (int32_t)rove__lite_int(&s, 0)};
        rove__hash128 sum = read_sum(&s, 1);
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, scope, sum, rove__lite_int(&s, 2));
        }
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_sum(rove__hq_store *store) {
    store->sum_get = sum_get;
    store->sum_put = sum_put;
    store->sum_scan = sum_scan;
}
