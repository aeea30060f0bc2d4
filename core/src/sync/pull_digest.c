/*
 * sync/pull_digest.c - digests (G2): the total over all that a user holds, and which scopes differ from what a device says
 * it has. A device's list may be older than this snapshot: then a scope that changed since goes whole for nothing,
 * which is right all the same.
 *
 * The same scope or bucket is sent at most once an hour, as the device remembers: what differs again sooner will not be
 * mended by sending it, and is reported instead.
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "sync/pull_state.h"

/* Calls `each` for every scope of every root that is held now. */
static rove_status each_held_root(rove__pull *pull, rove_status (*each)(void *, rove__scope,
                                                                        rove__hash128, int64_t)) {
    const rove__holdings *holdings = &pull->holdings;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < holdings->count && status == ROVE_OK;) {
        rove_id root = holdings->items[i].root;
        int held = 0;
        for (; i < holdings->count && holdings->items[i].root == root; i++) {
            const rove__holding *item = &holdings->items[i];
            held |= rove__pull_current(pull, item);
        }
        if (held) {
            status = pull->store->sum_scan(pull->tx, root, each, pull);
        }
    }
    return status;
}

static int is_held(const rove__pull *pull, rove__scope scope) {
    return rove__holding_at(&pull->holdings, scope, pull->head.seq) != NULL;
}

/* ---- total ---------------------------------------------------------------------------------------------- */

static rove_status add_scope(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    rove__pull *pull = ctx;

    if (is_held(pull, scope)) {
        rove__hash128_add(&pull->end.total, sum);
        pull->end.row_count += (uint64_t)(rows > 0 ? rows : 0);
    }
    return ROVE_OK;
}

rove_status rove__pull_total(rove__pull *pull) {
    pull->end = (rove__end){.has_total = 1, .head = pull->head.seq};
    return each_held_root(pull, add_scope);
}

/* ---- comparison ----------------------------------------------------------------------------------------- */

/* What is compared begins with its scope; so does a scope that is looked for. */
ROVE_STATIC_ASSERT(offsetof(rove__scope_digest, scope) == 0 &&
                       offsetof(rove__bucket_digest, scope) == 0 &&
                       offsetof(rove__portion, scope) == 0,
                   "by_scope reads a scope");

static int by_scope(const void *a, const void *b) {
    const rove__scope *x = a;
    const rove__scope *y = b;

    return rove__scope_order(*x, *y);
}

static void sort(void *items, size_t count, size_t size) {
    if (count > 1) {
        qsort(items, count, size, by_scope);
    }
}

/* Of `items`, which ascend; NULL: none has the scope. */
static void *find(void *items, size_t count, size_t size, rove__scope scope) {
    return count == 0 ? NULL : bsearch(&scope, items, count, size, by_scope);
}

/* A device names each scope once. What is named more often costs no more than that, and counts once. */
static void sort_request(rove__pull_request *request) {
    rove__scope_digest *digests = request->digests;
    size_t kept = 0;

    sort(digests, request->digest_count, sizeof *digests);
    sort(request->buckets, request->bucket_count, sizeof *request->buckets);
    sort(request->fetched, request->fetched_count, sizeof *request->fetched);
    for (size_t i = 0; i < request->digest_count; i++) {
        if (kept == 0 || rove__scope_order(digests[kept - 1].scope, digests[i].scope) != 0) {
            digests[kept++] = digests[i];
        }
    }
    request->digest_count = kept;
}

static int is_zero(rove__hash128 sum) {
    return sum.low == 0 && sum.high == 0;
}

/* What differs and is to be sent, or is not held and has to go; what is past the limit differs the next time too. */
static rove_status repair(rove__pull *pull, rove__scope scope, uint64_t buckets, int held) {
    if (pull->repair.count + pull->repair_left.count >= ROVE_SCOPES_MAX) {
        return ROVE_OK;
    }
    return held ? rove__portions_push(&pull->repair, scope, buckets)
                : rove__scopes_push(&pull->repair_left, scope);
}

static rove_status report(rove__pull *pull, rove__scope scope, uint64_t buckets) {
    return pull->again.count < ROVE_FETCHED_MAX ? rove__portions_push(&pull->again, scope, buckets)
                                                : ROVE_OK;
}

/* What of a scope the device fetched of late. Without a feed there is no other way to it (Q8), so it does not count. */
static const rove__portion *fetched_of(const rove__pull *pull, rove__scope scope) {
    if (pull->behind || ROVE_PLANTED(G02_AGAIN)) {
        return NULL;
    }
    return find(pull->request.fetched, pull->request.fetched_count, sizeof *pull->request.fetched,
                scope);
}

/* As many of the differing buckets as go together; the others differ the next time too. */
static uint64_t first_of(const rove__pull *pull, uint64_t buckets,
                         const uint64_t rows[ROVE_BUCKETS]) {
    uint64_t most = ROVE_PULL_GROUP_PAGES * pull->request.page_rows;
    uint64_t some = 0;
    uint64_t sum = 0;

    for (unsigned b = 0; b < ROVE_BUCKETS; b++) {
        uint64_t bit = UINT64_C(1) << b;
        if ((buckets & bit) != 0 && (some == 0 || sum + rows[b] <= most)) {
            some |= bit;
            sum += rows[b];
        }
    }
    return some;
}

/* Of a large scope only the buckets that differ. If none does, a sum that is kept is wrong: nothing to send helps. */
static rove_status differing_buckets(rove__pull *pull, const rove__bucket_digest *theirs,
                                     const rove__portion *fetched) {
    uint64_t rows[ROVE_BUCKETS];
    uint64_t differing = 0;
    rove_status status = rove__pull_buckets(pull, theirs, &differing, rows);

    if (status != ROVE_OK) {
        return status;
    }
    if (differing == 0) {
        return report(pull, theirs->scope, 0);
    }
    uint64_t lately = fetched == NULL ? 0 : fetched->buckets == 0 ? UINT64_MAX : fetched->buckets;
    uint64_t fresh = differing & ~lately;
    if (fresh != differing) {
        status = report(pull, theirs->scope, differing & lately);
    }
    return status == ROVE_OK && fresh != 0
               ? repair(pull, theirs->scope, first_of(pull, fresh, rows), 1)
               : status;
}

static rove_status differs(rove__pull *pull, rove__scope scope) {
    const rove__portion *fetched = fetched_of(pull, scope);
    const rove__bucket_digest *buckets =
        find(pull->request.buckets, pull->request.bucket_count, sizeof *buckets, scope);

    if (buckets != NULL && !ROVE_PLANTED(G02_WHOLE)) {
        return differing_buckets(pull, buckets, fetched);
    }
    return fetched != NULL && fetched->buckets == 0 ? report(pull, scope, 0)
                                                    : repair(pull, scope, 0, 1);
}

/* Headquarters' side: what the device has otherwise, or lacks. What was compared is nothing more to compare. */
static rove_status compare_scope(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    rove__pull *pull = ctx;
    rove__scope_digest *theirs =
        find(pull->request.digests, pull->request.digest_count, sizeof *theirs, scope);

    (void)rows;
    if (!is_held(pull, scope)) {
        return ROVE_OK;
    }
    if (theirs == NULL) {
        return pull->request.digests_whole ? differs(pull, scope) : ROVE_OK;
    }
    int same = rove__hash128_equal(theirs->sum, sum);
    theirs->sum = (rove__hash128){0};
    return same ? ROVE_OK : differs(pull, scope);
}

/* Neither list of the answer takes anything more. */
static int is_full(const rove__pull *pull) {
    return pull->repair.count + pull->repair_left.count >= ROVE_SCOPES_MAX &&
           pull->again.count >= ROVE_FETCHED_MAX;
}

/* The device's side: what headquarters has nothing of, and what it should not have. */
static rove_status compare_theirs(rove__pull *pull) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < pull->request.digest_count && status == ROVE_OK && !is_full(pull); i++) {
        const rove__scope_digest *theirs = &pull->request.digests[i];
        if (!is_held(pull, theirs->scope)) {
            status = repair(pull, theirs->scope, 0, 0);
        } else if (!is_zero(theirs->sum)) {
            status = differs(pull, theirs->scope);
        }
    }
    return status;
}

rove_status rove__pull_compare(rove__pull *pull) {
    sort_request(&pull->request);
    rove_status status = each_held_root(pull, compare_scope);
    if (status == ROVE_OK) {
        status = compare_theirs(pull);
    }
    rove__portions_sort(&pull->repair);
    return status;
}
