/*
 * sync/writer_sum.c - the digests of scopes that one transaction changes: gathered in memory, and added to what
 * is stored once per scope at its end (G2).
 */
#include <string.h>

#include "base/assert.h"
#include "sync/writer_state.h"

static int scope_compare(rove__scope a, rove__scope b) {
    if (a.root != b.root) {
        return a.root < b.root ? -1 : 1;
    }
    return a.part < b.part ? -1 : a.part > b.part;
}

static size_t find(const rove__writer *writer, rove__scope scope) {
    size_t low = 0;
    size_t high = writer->sum_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope_compare(writer->sums[middle].scope, scope) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static rove_status sum_of(rove__writer *writer, rove__scope scope, rove__sum_change **out) {
    size_t at = find(writer, scope);

    if (at == writer->sum_count || scope_compare(writer->sums[at].scope, scope) != 0) {
        if (writer->sum_count == writer->sum_capacity) {
            size_t capacity = writer->sum_capacity == 0 ? 32 : writer->sum_capacity * 2;
            rove__sum_change *sums =
                rove__alloc_resize(writer->options.allocator, writer->sums, capacity, sizeof *sums);
            if (sums == NULL) {
                return ROVE_NOMEM;
            }
            writer->sums = sums;
            writer->sum_capacity = capacity;
        }
        memmove(&writer->sums[at + 1], &writer->sums[at],
                (writer->sum_count - at) * sizeof *writer->sums);
        writer->sums[at] = (rove__sum_change){.scope = scope};
        writer->sum_count++;
    }
    *out = &writer->sums[at];
    return ROVE_OK;
}

rove_status rove__writer_sum(rove__writer *writer, const rove__hq_row *row, int sign) {
    rove__hash128 term;
    rove__sum_change *change = NULL;

    ROVE_ASSERT(row->dead == 0 && (sign == 1 || sign == -1));
    rove_status status =
        rove__digest_term(writer->head.digest_key, &row->row, &row->clock, &writer->scratch, &term);
    if (status == ROVE_OK) {
        status = sum_of(writer, row->scope, &change);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (sign > 0) {
        rove__hash128_add(&change->sum, term);
    } else {
        rove__hash128_subtract(&change->sum, term);
    }
    change->rows += sign;
    return ROVE_OK;
}

rove_status rove__writer_sums_flush(rove__writer *writer) {
    const rove__hq_store *store = writer->options.store;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < writer->sum_count && status == ROVE_OK; i++) {
        const rove__sum_change *change = &writer->sums[i];
        rove__hash128 sum = {0, 0};
        int64_t rows = 0;
        status = store->sum_get(writer->tx, change->scope, &sum, &rows);
        if (status == ROVE_OK) {
            rove__hash128_add(&sum, change->sum);
            status = store->sum_put(writer->tx, change->scope, sum, rows + change->rows);
        }
    }
    writer->sum_count = 0;
    return status;
}
