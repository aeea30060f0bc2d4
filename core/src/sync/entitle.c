/*
 * sync/entitle.c - see entitle.h.
 *
 * Grants and entailments are first collected as raw spans, then made normal root by root: where windows of
 * parts differ, the range of parts is cut at every window's edge, and each piece gets its own intervals.
 */
#include "sync/entitle.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define HOLDINGS_MAX ((size_t)1 << 22)

void rove__holdings_init(rove__holdings *holdings, const rove_allocator *allocator) {
    *holdings = (rove__holdings){.allocator = allocator};
}

void rove__holdings_free(rove__holdings *holdings) {
    rove__free(holdings->allocator, holdings->items);
    rove__holdings_init(holdings, holdings->allocator);
}

static rove_status push(rove__holdings *list, rove__holding item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        rove__holding *items = NULL;
        if (capacity > HOLDINGS_MAX) {
            return ROVE_TOO_BIG;
        }
        items = rove__alloc_resize(list->allocator, list->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return ROVE_OK;
}

static rove_status push_span(rove__holdings *list, rove_id root, int32_t part_from, int32_t part_to,
                             uint64_t from, uint64_t to) {
    if (from >= to || part_from > part_to) {
        return ROVE_OK;
    }
    return push(list, (rove__holding){root, part_from, part_to, from, to});
}

/* ---- order -------------------------------------------------------------------------------------------- */

static int before(const rove__holding *a, const rove__holding *b) {
    if (a->root != b->root) {
        return a->root < b->root;
    }
    if (a->part_from != b->part_from) {
        return a->part_from < b->part_from;
    }
    return a->from < b->from;
}

static void sift(rove__holding *items, size_t at, size_t count) {
    for (;;) {
        size_t child = 2 * at + 1;
        rove__holding swapped = items[at];
        if (child >= count) {
            return;
        }
        if (child + 1 < count && before(&items[child], &items[child + 1])) {
            child++;
        }
        if (!before(&items[at], &items[child])) {
            return;
        }
        items[at] = items[child];
        items[child] = swapped;
        at = child;
    }
}

/* Heap sort: no memory, no worst case. */
static void sort(rove__holding *items, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(items, i, count);
    }
    for (size_t i = count; i-- > 1;) {
        rove__holding first = items[0];
        items[0] = items[i];
        items[i] = first;
        sift(items, 0, i);
    }
}

/* ---- making normal -------------------------------------------------------------------------------------- */

/* The union of the intervals of those spans that cover the part; appended to `out` for parts a .. b. */
static rove_status unite(const rove__holding *spans, size_t count, int32_t a, int32_t b,
                         rove__holdings *out) {
    uint64_t reached = 0;
    int any = 0;

    /* Spans of one root are few: the next interval is looked for, not sorted. */
    for (;;) {
        const rove__holding *next = NULL;
        rove_status status = ROVE_OK;
        for (size_t i = 0; i < count; i++) {
            int covers = a == 0 || (spans[i].part_from <= a && a <= spans[i].part_to);
            if (covers && (!any || spans[i].to > reached) &&
                (next == NULL || spans[i].from < next->from)) {
                next = &spans[i];
            }
        }
        if (next == NULL) {
            return ROVE_OK;
        }
        if (any && next->from <= reached) {
            out->items[out->count - 1].to = next->to;
        } else {
            status = push_span(out, next->root, a, b, next->from, next->to);
        }
        if (status != ROVE_OK) {
            return status;
        }
        reached = next->to;
        any = 1;
    }
}

/* 1 if the pieces [first, second) and [second, end) have the same intervals. */
static int same_intervals(const rove__holdings *out, size_t first, size_t second) {
    size_t count = second - first;

    if (count == 0 || out->count - second != count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (out->items[first + i].from != out->items[second + i].from ||
            out->items[first + i].to != out->items[second + i].to) {
            return 0;
        }
    }
    return 1;
}

/* The least edge of a window above `after`; an edge is the first part of a piece. */
static int32_t next_edge(const rove__holding *spans, size_t count, int32_t after) {
    int32_t edge = ROVE_PART_LAST + 1;

    for (size_t i = 0; i < count; i++) {
        int32_t starts = spans[i].part_from > 0 ? spans[i].part_from : 1;
        if (starts > after && starts < edge) {
            edge = starts;
        }
        if (spans[i].part_to + 1 > after && spans[i].part_to + 1 < edge) {
            edge = spans[i].part_to + 1;
        }
    }
    return edge;
}

static rove_status normalise_root(const rove__holding *spans, size_t count, rove__holdings *out) {
    size_t previous = out->count;
    int32_t part = ROVE_PART_FIRST;

    while (part <= ROVE_PART_LAST) {
        int32_t edge = part == 0 ? 1 : next_edge(spans, count, part);
        size_t start = out->count;
        rove_status status = unite(spans, count, part, edge - 1, out);
        if (status != ROVE_OK) {
            return status;
        }
        if (same_intervals(out, previous, start)) {
            for (size_t i = previous; i < start; i++) {
                out->items[i].part_to = edge - 1;
            }
            out->count = start;
        } else {
            previous = start;
        }
        part = edge;
    }
    return ROVE_OK;
}

static rove_status normalise(rove__holdings *spans, rove__holdings *out) {
    rove_status status = ROVE_OK;

    out->count = 0;
    sort(spans->items, spans->count);
    for (size_t i = 0; i < spans->count && status == ROVE_OK;) {
        size_t end = i + 1;
        while (end < spans->count && spans->items[end].root == spans->items[i].root) {
            end++;
        }
        status = normalise_root(&spans->items[i], end - i, out);
        i = end;
    }
    if (status == ROVE_OK) {
        sort(out->items, out->count);
    }
    return status;
}

/* ---- collecting ----------------------------------------------------------------------------------------- */

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    return push_span(ctx, grant->root, grant->part_from, grant->part_to, grant->from, grant->to);
}

/* An edge as a span of the other end: of what is entailed, or of the holder. */
static rove_status each_entailed(void *ctx, const rove__hq_entailment *e) {
    return push_span(ctx, e->entailed, ROVE_PART_FIRST, ROVE_PART_LAST, e->from, e->to);
}

static rove_status each_holder(void *ctx, const rove__hq_entailment *e) {
    return push_span(ctx, e->holder, ROVE_PART_FIRST, ROVE_PART_LAST, e->from, e->to);
}

/* What `granted` and an edge to `root` give together. */
static rove_status push_both(rove__holdings *spans, rove_id root, const rove__holding *granted,
                             const rove__holding *edge) {
    return push_span(spans, root, granted->part_from, granted->part_to,
                     granted->from > edge->from ? granted->from : edge->from,
                     granted->to < edge->to ? granted->to : edge->to);
}

/* Adds what the grants [first, end) of one root entail. */
static rove_status add_entailed(const rove__hq_store *store, rove__hq_tx *tx, rove__holdings *spans,
                                size_t first, size_t end, rove__holdings *edges) {
    rove_status status = ROVE_OK;

    edges->count = 0;
    status = store->entailment_scan(tx, spans->items[first].root, 0, each_entailed, edges);
    for (size_t i = 0; i < edges->count && status == ROVE_OK; i++) {
        for (size_t g = first; g < end && status == ROVE_OK; g++) {
            rove__holding granted = spans->items[g];
            status = push_both(spans, edges->items[i].root, &granted, &edges->items[i]);
        }
    }
    return status;
}

static rove_status add_own(rove__holdings *spans, rove_id root) {
    return push_span(spans, root, ROVE_PART_FIRST, ROVE_PART_LAST, 0, ROVE_SEQ_OPEN);
}

rove_status rove__entitle_user(const rove__hq_store *store, rove__hq_tx *tx, rove_id user,
                               rove__holdings *holdings) {
    rove__holdings spans;
    rove__holdings edges;
    size_t granted = 0;

    rove__holdings_init(&spans, holdings->allocator);
    rove__holdings_init(&edges, holdings->allocator);
    rove_status status = store->grant_scan(tx, user, 0, each_grant, &spans);
    if (status == ROVE_OK) {
        sort(spans.items, spans.count);
        granted = spans.count;
    }
    for (size_t i = 0; i < granted && status == ROVE_OK;) {
        size_t end = i + 1;
        while (end < granted && spans.items[end].root == spans.items[i].root) {
            end++;
        }
        status = add_entailed(store, tx, &spans, i, end, &edges);
        i = end;
    }
    if (status == ROVE_OK) {
        status = add_own(&spans, 0);
    }
    if (status == ROVE_OK) {
        status = add_own(&spans, user);
    }
    if (status == ROVE_OK) {
        status = normalise(&spans, holdings);
    }
    rove__holdings_free(&spans);
    rove__holdings_free(&edges);
    return status;
}

/* Puts edges in order; those from one holder that overlap or touch become one. */
static void unite_edges(rove__holdings *edges) {
    size_t count = 0;

    sort(edges->items, edges->count);
    for (size_t i = 0; i < edges->count; i++) {
        rove__holding edge = edges->items[i];
        rove__holding *last = count == 0 ? NULL : &edges->items[count - 1];
        if (last == NULL || last->root != edge.root || edge.from > last->to) {
            edges->items[count++] = edge;
        } else if (edge.to > last->to) {
            last->to = edge.to;
        }
    }
    edges->count = count;
}

/* Adds what the user's grants of one holder entail, by edges that lasted as `edges` say. */
static rove_status add_by_holder(const rove__hq_store *store, rove__hq_tx *tx, rove_id user,
                                 rove_id root, const rove__holding *edges, size_t count,
                                 rove__holdings *grants, rove__holdings *spans) {
    rove_status status = ROVE_OK;

    grants->count = 0;
    status = store->grant_scan(tx, user, edges[0].root, each_grant, grants);
    for (size_t i = 0; i < grants->count && status == ROVE_OK; i++) {
        for (size_t e = 0; e < count && status == ROVE_OK; e++) {
            status = push_both(spans, root, &grants->items[i], &edges[e]);
        }
    }
    return status;
}

/* The same of all holders: a contact may have many roles at one account, and whose it is is asked once. */
static rove_status add_by_holders(const rove__hq_store *store, rove__hq_tx *tx, rove_id user,
                                  rove_id root, rove__holdings *edges, rove__holdings *grants,
                                  rove__holdings *spans) {
    rove_status status = ROVE_OK;

    unite_edges(edges);
    for (size_t i = 0; i < edges->count && status == ROVE_OK;) {
        size_t end = i + 1;
        while (end < edges->count && edges->items[end].root == edges->items[i].root) {
            end++;
        }
        status = add_by_holder(store, tx, user, root, &edges->items[i], end - i, grants, spans);
        i = end;
    }
    return status;
}

rove_status rove__entitle_root(const rove__hq_store *store, rove__hq_tx *tx, rove_id user,
                               rove_id root, rove__holdings *holdings) {
    rove__holdings spans;
    rove__holdings edges;
    rove__holdings grants;
    rove_status status = ROVE_OK;

    rove__holdings_init(&spans, holdings->allocator);
    rove__holdings_init(&edges, holdings->allocator);
    rove__holdings_init(&grants, holdings->allocator);
    if (root == 0 || root == user) {
        status = add_own(&spans, root);
    } else {
        status = store->grant_scan(tx, user, root, each_grant, &spans);
        if (status == ROVE_OK) {
            status = store->entailment_scan(tx, 0, root, each_holder, &edges);
        }
        if (status == ROVE_OK) {
            status = add_by_holders(store, tx, user, root, &edges, &grants, &spans);
        }
    }
    if (status == ROVE_OK) {
        status = normalise(&spans, holdings);
    }
    rove__holdings_free(&spans);
    rove__holdings_free(&edges);
    rove__holdings_free(&grants);
    return status;
}

rove_status rove__entitle_edge(const rove__hq_store *store, rove__hq_tx *tx, rove_id user,
                               const rove__hq_entailment *edge, rove__holdings *holdings) {
    rove__holdings spans;
    rove__holdings edges;
    rove__holdings grants;

    rove__holdings_init(&spans, holdings->allocator);
    rove__holdings_init(&edges, holdings->allocator);
    rove__holdings_init(&grants, holdings->allocator);
    rove_status status = each_holder(&edges, edge);
    for (size_t i = 0; i < holdings->count && status == ROVE_OK; i++) {
        status = push(&spans, holdings->items[i]);
    }
    if (status == ROVE_OK) {
        status = add_by_holders(store, tx, user, edge->entailed, &edges, &grants, &spans);
    }
    if (status == ROVE_OK) {
        status = normalise(&spans, holdings);
    }
    rove__holdings_free(&spans);
    rove__holdings_free(&edges);
    rove__holdings_free(&grants);
    return status;
}

/* ---- asking --------------------------------------------------------------------------------------------- */

void rove__holdings_of(const rove__holdings *holdings, rove_id root, size_t *first, size_t *end) {
    size_t low = 0;
    size_t high = holdings->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holdings->items[middle].root < root) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *first = low;
    while (low < holdings->count && holdings->items[low].root == root) {
        low++;
    }
    *end = low;
}

const rove__holding *rove__holding_at(const rove__holdings *holdings, rove__scope scope,
                                      uint64_t seq) {
    size_t first = 0;
    size_t end = 0;

    rove__holdings_of(holdings, scope.root, &first, &end);
    for (size_t i = first; i < end; i++) {
        const rove__holding *item = &holdings->items[i];
        if (item->part_from <= scope.part && scope.part <= item->part_to && item->from <= seq &&
            seq < item->to) {
            return item;
        }
    }
    return NULL;
}

int rove__held_within(const rove__holdings *holdings, rove__scope scope, uint64_t from,
                      uint64_t last) {
    size_t first = 0;
    size_t end = 0;

    rove__holdings_of(holdings, scope.root, &first, &end);
    for (size_t i = first; i < end && from <= last; i++) {
        const rove__holding *item = &holdings->items[i];
        if (item->part_from <= scope.part && scope.part <= item->part_to && item->from <= last &&
            from < item->to) {
            return 1;
        }
    }
    return 0;
}
