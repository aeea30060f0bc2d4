/*
 * sync/pull.c - see pull.h: one page, in one snapshot.
 *
 * Invariants: what a page says follows from its own snapshot (Q1); a position only moves past what was sent; c moves
 * only at the end of a round (Q7); `end` is the total of the snapshot in which the last round reached its head.
 */
#include "sync/pull.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "sync/pull_state.h"
#include "sync/timeline.h"

#define ROW_ARENA_MAX ((size_t)16 * 1024 * 1024)
/* Encoded rows of a page: with its lists it fits a frame even if nothing can be compressed. */
#define PAGE_BYTES ((size_t)ROVE_BATCH_MAX - 65536)
#define DAY_MS     INT64_C(86400000)
/* One row's bytes as they go into its digest term. */
#define SCRATCH_MAX ((size_t)1024 * 1024)

rove_status rove__scopes_push(rove__scopes *scopes, rove__scope scope) {
    if (scopes->count == scopes->capacity) {
        size_t capacity = scopes->capacity == 0 ? 64 : scopes->capacity * 2;
        rove__scope *items =
            rove__alloc_resize(scopes->allocator, scopes->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        scopes->items = items;
        scopes->capacity = capacity;
    }
    scopes->items[scopes->count++] = scope;
    return ROVE_OK;
}

rove_status rove__portions_push(rove__portions *portions, rove__scope scope, uint64_t buckets) {
    if (portions->count == portions->capacity) {
        size_t capacity = portions->capacity == 0 ? 64 : portions->capacity * 2;
        rove__portion *items =
            rove__alloc_resize(portions->allocator, portions->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        portions->items = items;
        portions->capacity = capacity;
    }
    portions->items[portions->count++] = (rove__portion){scope, buckets};
    return ROVE_OK;
}

int rove__scope_before(rove__scope a, rove__scope b) {
    return a.root != b.root ? a.root < b.root : a.part < b.part;
}

int rove__scope_order(rove__scope a, rove__scope b) {
    return rove__scope_before(b, a) - rove__scope_before(a, b);
}

static int by_scope(const void *a, const void *b) {
    const rove__portion *x = a;
    const rove__portion *y = b;

    return rove__scope_order(x->scope, y->scope);
}

void rove__portions_sort(rove__portions *portions) {
    if (portions->count > 1) {
        qsort(portions->items, portions->count, sizeof *portions->items, by_scope);
    }
}

const rove__portion *rove__portions_find(const rove__portions *portions, size_t from, size_t to,
                                         rove__scope scope) {
    const rove__portion *items = portions->items;
    size_t low = from;
    size_t high = to;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].scope.root < scope.root) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < to && items[low].scope.root == scope.root; low++) {
        if (items[low].scope.part == -1 || items[low].scope.part == scope.part) {
            return &items[low];
        }
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------------------- */

rove_status rove__pull_new(const rove__server_ports *ports, const rove__pull_request *request,
                           rove__pull **out) {
    rove__pull *pull = rove__alloc_zeroed(ports->allocator, 1, sizeof *pull);
    rove__scopes none = {.allocator = ports->allocator};
    rove__portions no_portions = {.allocator = ports->allocator};

    *out = NULL;
    if (pull == NULL) {
        return ROVE_NOMEM;
    }
    pull->ports = ports;
    pull->store = ports->store;
    pull->request = *request;
    if (pull->request.page_rows == 0) {
        pull->request.page_rows = ROVE_PAGE_ROWS;
    }
    pull->left = pull->repair_left = pull->done = none;
    pull->units = pull->repair = pull->again = pull->begin = no_portions;
    rove__holdings_init(&pull->holdings, ports->allocator);
    rove__buf_init(&pull->rows, ports->allocator, 2 * PAGE_BYTES);
    rove__buf_init(&pull->scratch, ports->allocator, SCRATCH_MAX);
    rove__arena_init(&pull->row, ports->allocator, ROW_ARENA_MAX);
    rove__arena_init(&pull->part, ports->allocator, ROW_ARENA_MAX);
    pull->visit = rove__registry_by_name(ports->registry, "Visit");
    ROVE_ASSERT(pull->visit != NULL);
    pull->visit_start = rove__entity_field_named(pull->visit, "planned_start");
    ROVE_ASSERT(pull->visit_start >= 0);
    /* Today and tomorrow wherever the rep is. */
    pull->visits_from = request->now_ms - DAY_MS;
    pull->visits_until = request->now_ms + 2 * DAY_MS;
    rove_status status = rove__batch_writer_new(ports->allocator, PAGE_BYTES, &pull->writer);
    if (status != ROVE_OK) {
        rove__pull_free(pull);
        return status;
    }
    *out = pull;
    return ROVE_OK;
}

void rove__pull_free(rove__pull *pull) {
    if (pull == NULL) {
        return;
    }
    const rove_allocator *allocator = pull->ports->allocator;
    void *lists[] = {
        pull->left.items,   pull->repair_left.items, pull->done.items,  pull->units.items,
        pull->repair.items, pull->again.items,       pull->begin.items, pull->keys};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        rove__free(allocator, lists[i]);
    }
    rove__holdings_free(&pull->holdings);
    rove__buf_free(&pull->rows);
    rove__buf_free(&pull->scratch);
    rove__arena_free(&pull->row);
    rove__arena_free(&pull->part);
    rove__batch_writer_free(pull->writer);
    rove__free(allocator, pull);
}

uint64_t rove__pull_rows(const rove__pull *pull) {
    return pull->rows_sent;
}

rove_status rove__pull_add(rove__pull *pull, const rove__change *change, int *added) {
    rove_status status = rove__batch_add(pull->writer, change);

    *added = status == ROVE_OK;
    if (status == ROVE_LIMIT) {
        pull->full = 1;
        pull->refused = 1;
        return ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    pull->page_rows++;
    pull->full |= pull->page_rows >= pull->request.page_rows;
    return ROVE_OK;
}

/* ---- snapshots ------------------------------------------------------------------------------------------ */

/* Part of what happened since c is forgotten. On a first download nobody asks. */
static int is_purged(const rove__pull *pull) {
    return pull->c != 0 && pull->c < pull->head.purged && !ROVE_PLANTED(Q08_GAPS);
}

static rove_status begin_answer(rove__pull *pull) {
    const rove__pull_request *request = &pull->request;
    rove__timelines timelines;

    rove__timelines_init(&timelines, pull->ports->allocator, pull->store, pull->tx);
    rove_status status = rove__timelines_clip(&timelines, &pull->head, request->cursor, &pull->c);
    rove__timelines_free(&timelines);
    if (status != ROVE_OK) {
        return status;
    }
    int same = request->cursor.timeline == pull->head.timeline;
    if (same && request->cursor.seq > pull->head.seq && pull->store->lags &&
        !ROVE_PLANTED(Q08_NEW_LINE)) {
        return ROVE_LATER;
    }
    pull->other = !same || request->cursor.seq > pull->head.seq;
    pull->behind = is_purged(pull);
    pull->whole = (pull->other || request->unverified) && !ROVE_PLANTED(T01_PARTLY);
    pull->complete = request->complete && !pull->other && !request->unverified && pull->c != 0;
    pull->tell_held = pull->other || pull->c == 0 || pull->behind;
    pull->h = pull->head.seq;
    pull->resumed = !pull->other && request->token.size > 0 && !ROVE_PLANTED(Q07_ALL_AGAIN) &&
                    rove__token_read(pull, request->token);
    if (pull->ahead && pull->store->lags) {
        return ROVE_LATER;
    }
    pull->begun = 1;
    return ROVE_OK;
}

/* The head and what is held, as of the transaction that was just begun. */
static rove_status snapshot(rove__pull *pull) {
    rove_status status = pull->store->head_get(pull->tx, &pull->head);

    if (status == ROVE_OK &&
        (!pull->holdings_known || pull->holdings_assigned != pull->head.assigned)) {
        pull->holdings_known = 0;
        status = rove__entitle_user(pull->store, pull->tx, pull->request.user, &pull->holdings);
        pull->holdings_known = status == ROVE_OK;
        pull->holdings_assigned = pull->head.assigned;
    }
    if (status == ROVE_OK && !pull->begun) {
        return begin_answer(pull);
    }
    /* It was purged between two pages, or before a scan that is gone on with: the device comes again, with digests. */
    if (status == ROVE_OK && is_purged(pull) && !pull->behind) {
        pull->end = (rove__end){.head = pull->head.seq, .digests = 1};
        pull->finished = 1;
    }
    return status;
}

static rove_status open_snapshot(rove__pull *pull, rove_error *error) {
    rove_status status = pull->store->begin(pull->store->ctx, ROVE_HQ_READ, &pull->tx, error);

    if (status != ROVE_OK) {
        pull->tx = NULL;
        return status;
    }
    return snapshot(pull);
}

static void close_snapshot(rove__pull *pull) {
    if (pull->tx != NULL) {
        pull->store->rollback(pull->tx);
        pull->tx = NULL;
    }
}

/* ---- pages ---------------------------------------------------------------------------------------------- */

static void empty_page(rove__pull *pull) {
    pull->full = 0;
    pull->refused = 0;
    pull->page_rows = 0;
    pull->page_feed = 0;
    pull->begin.count = 0;
    pull->done.count = 0;
    rove__buf_reset(&pull->rows);
    ROVE_ASSERT(rove__batch_count(pull->writer) == 0);
}

static rove_status fill_page(rove__pull *pull) {
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && !pull->full && pull->at.phase != ROVE_PULL_ROUND_DONE) {
        if (pull->at.phase == ROVE_PULL_VISITS) {
            status = rove__pull_visits(pull);
        } else if (pull->at.phase == ROVE_PULL_SCAN) {
            status = rove__pull_scan(pull);
        } else {
            status = rove__pull_feed(pull);
        }
    }
    return status;
}

/* The roots held now, ascending, each once. NULL: no memory. */
static rove_id *held_roots(const rove__pull *pull, size_t *count) {
    const rove__holdings *holdings = &pull->holdings;
    rove_id *roots = rove__alloc(pull->ports->allocator, (holdings->count + 1) * sizeof *roots);

    *count = 0;
    for (size_t i = 0; roots != NULL && i < holdings->count; i++) {
        const rove__holding *item = &holdings->items[i];
        if (rove__pull_current(pull, item) && (*count == 0 || roots[*count - 1] != item->root)) {
            roots[(*count)++] = item->root;
        }
    }
    return roots;
}

/* What the page says beside its rows; `roots` is filled in where held scopes are to be told. */
static void page_lists(rove__pull *pull, rove__page *page, const rove_id *roots, size_t count) {
    size_t left = pull->left.count - pull->left_sent;

    left = left < ROVE_PAGE_SCOPES ? left : ROVE_PAGE_SCOPES;
    page->left = left == 0 ? NULL : pull->left.items + pull->left_sent;
    page->left_count = left;
    page->begin = pull->begin.items;
    page->begin_count = pull->begin.count;
    page->done = pull->done.items;
    page->done_count = pull->done.count;
    /* More roots than a page can name: the digest finds what has to go. */
    if (roots != NULL && count <= ROVE_SCOPES_MAX) {
        page->has_held = 1;
        page->held = roots;
        page->held_count = count;
    }
}

/* Where the device stands after this page. */
static rove_status page_cursor(rove__pull *pull, rove__page *page, rove__buf *token) {
    int over = pull->at.phase == ROVE_PULL_ROUND_DONE && !pull->finishing;
    /* What a repair is done with does not differ any more: only the unit at hand has to be gone on with. */
    int resumable = pull->repairing ? pull->at.started : pull->at.phase != ROVE_PULL_ROUND_DONE;

    page->cursor = (rove__cursor){pull->head.timeline, over ? pull->h : pull->c};
    page->more = !over || pull->h < pull->head.seq;
    if (!over && resumable && !pull->mixed) {
        rove__token_write(pull, token);
        page->token = (rove__bytes){token->data, token->size};
    }
    return rove__buf_status(token);
}

static rove_status write_page(rove__pull *pull, rove__buf *payload) {
    rove__page page = {.has_held = 0};
    rove__buf token;
    rove_id *roots = NULL;
    size_t count = 0;
    rove_status status = ROVE_OK;

    rove__buf_init(&token, pull->ports->allocator, ROVE_TOKEN_MAX);
    if (pull->tell_held) {
        roots = held_roots(pull, &count);
        status = roots == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    if (status == ROVE_OK && pull->page_rows > 0) {
        status = rove__batch_finish(pull->writer, &pull->rows);
        page.rows = (rove__bytes){pull->rows.data, pull->rows.size};
    }
    if (status == ROVE_OK) {
        page_lists(pull, &page, roots, count);
        status = page_cursor(pull, &page, &token);
    }
    /* A device that downloads everything for the first time shows how far it is. */
    if (status == ROVE_OK && page.more && pull->c == 0 && pull->rows_sent == 0) {
        status = rove__pull_total(pull);
        page.row_count = pull->end.row_count;
    }
    if (status == ROVE_OK) {
        status = rove__page_write(&page, payload);
    }
    if (status == ROVE_OK) {
        pull->left_sent += page.left_count;
        pull->tell_held = 0;
        pull->rows_sent += pull->page_rows;
    }
    rove__buf_free(&token);
    rove__free(pull->ports->allocator, roots);
    return status;
}

/* Nothing is new: not even a cursor has to be told. */
static int nothing_to_say(const rove__pull *pull) {
    return pull->at.phase == ROVE_PULL_ROUND_DONE && pull->page_rows == 0 &&
           pull->begin.count == 0 && pull->done.count == 0 && pull->left_sent == pull->left.count &&
           !pull->tell_held && pull->request.cursor.timeline == pull->head.timeline &&
           pull->request.cursor.seq == pull->h && pull->request.token.size == 0;
}

/* After a page: the next round, or the end with its total. */
static rove_status close_round(rove__pull *pull) {
    if (pull->at.phase != ROVE_PULL_ROUND_DONE) {
        return ROVE_OK;
    }
    if (pull->finishing) { /* what else differs has to be compared */
        pull->end = (rove__end){.head = pull->head.seq, .digests = 1};
        pull->finished = 1;
        return ROVE_OK;
    }
    pull->c = pull->h;
    pull->complete = 0; /* what was left after h is gone already */
    pull->behind = 0;
    pull->round_open = 0;
    pull->repairing = pull->mixed = 0;
    if (pull->h < pull->head.seq) {
        pull->h = pull->head.seq;
        return ROVE_OK;
    }
    pull->finished = 1;
    return rove__pull_total(pull);
}

/*
 * Q8: without a feed only a comparison says what the device lacks. It has come, or nothing differs; else the device is asked
 * for its digests, and this answer ends.
 */
static rove_status ask_for_digests(rove__pull *pull) {
    if (!pull->behind || pull->round_open || pull->finishing || pull->request.digests != NULL) {
        return ROVE_OK;
    }
    rove_status status = rove__pull_total(pull);
    if (pull->request.complete && rove__hash128_equal(pull->request.total, pull->end.total)) {
        return status;
    }
    pull->end.digests = 1;
    pull->finished = 1;
    return status;
}

static rove_status make_page(rove__pull *pull, rove__buf *payload, int *made) {
    rove_status status = ask_for_digests(pull);

    empty_page(pull);
    if (status != ROVE_OK || pull->finished) {
        return status;
    }
    status = pull->round_open ? ROVE_OK : rove__pull_round(pull);
    /* Long lists come first, by themselves. */
    if (status == ROVE_OK && pull->left.count - pull->left_sent <= ROVE_PAGE_SCOPES &&
        !(pull->tell_held && pull->holdings.count > ROVE_PAGE_SCOPES)) {
        status = fill_page(pull);
    }
    *made = !nothing_to_say(pull);
    if (status == ROVE_OK && *made) {
        status = write_page(pull, payload);
    }
    return status == ROVE_OK ? close_round(pull) : status;
}

rove_status rove__pull_page(rove__pull *pull, rove__buf *payload, rove__end *end, int *done,
                            rove_error *error) {
    int made = 0;

    *done = 0;
    if (!pull->finished) {
        rove_status status = open_snapshot(pull, error);
        if (status == ROVE_OK && !pull->finished) {
            status = make_page(pull, payload, &made);
        }
        close_snapshot(pull);
        if (status != ROVE_OK) {
            return rove__error_set(error, status, "%s", rove_status_text(status));
        }
    }
    if (!made) {
        ROVE_ASSERT(pull->finished);
        *end = pull->end;
        *done = 1;
    }
    return ROVE_OK;
}

/* ---- what differs --------------------------------------------------------------------------------------- */

/* Sure only if nothing happened since the device took its digests. */
static void log_again(const rove__pull *pull) {
    if (pull->c != pull->head.seq) {
        return;
    }
    for (size_t i = 0; i < pull->again.count; i++) {
        const rove__portion *portion = &pull->again.items[i];
        rove__log(pull->ports->log, ROVE_LOG_WARN, "pull",
                  "device %u: scope %lld/%d (buckets %llx) differs again within an hour of being "
                  "sent anew; it is not sent again",
                  (unsigned)pull->request.replica, (long long)portion->scope.root,
                  (int)portion->scope.part, (unsigned long long)portion->buckets);
    }
}

rove_status rove__pull_differ(rove__pull *pull, rove__buf *payload, int *differs,
                              rove_error *error) {
    rove_status status = ROVE_OK;

    ROVE_ASSERT(!pull->begun);
    *differs = 0;
    if (pull->request.digests == NULL && pull->request.token.size == 0) {
        return ROVE_OK;
    }
    status = open_snapshot(pull, error);
    if (status == ROVE_OK && pull->request.digests != NULL) {
        status = rove__pull_compare(pull);
        if (status == ROVE_OK) {
            log_again(pull);
        }
    } else if (status == ROVE_OK && pull->finishing) {
        status = rove__portions_push(&pull->repair, pull->cut.scope, pull->cut.buckets);
    }
    close_snapshot(pull);
    *differs = pull->repair.count > 0 || pull->again.count > 0;
    if (status == ROVE_OK && *differs) {
        rove__differ differ = {pull->repair.items, pull->repair.count, pull->again.items,
                               pull->again.count};
        status = rove__differ_write(&differ, payload);
    }
    return status;
}
