/*
 * merge/set.c - sets in which an add wins (rule P9), after the observed-remove set of Shapiro et al., "A
 * comprehensive study of Convergent and Commutative Replicated Data Types", 2011: a remove takes away
 * only the add that its author had seen.
 *
 * All sets are ascending by value without a value twice (model/set.h), so that every function here is one
 * walk over two sorted lists.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "merge/merge.h"

/* A walk over two sets at once, in ascending order of value. */
typedef struct walk {
    const rove__set *a;
    const rove__set *b;
    size_t at_a;
    size_t at_b;
} walk;

/* The next value of either: *a, *b are its elements, NULL where it is missing. 0 at the end. */
static int walk_next(walk *w, const rove__element **a, const rove__element **b) {
    int order = 0;

    *a = w->at_a < w->a->count ? &w->a->elements[w->at_a] : NULL;
    *b = w->at_b < w->b->count ? &w->b->elements[w->at_b] : NULL;
    if (*a != NULL && *b != NULL) {
        order = rove__value_compare(&(*a)->value, &(*b)->value);
    }
    if (order > 0) {
        *a = NULL;
    } else if (order < 0) {
        *b = NULL;
    }
    w->at_a += *a != NULL;
    w->at_b += *b != NULL;
    return *a != NULL || *b != NULL;
}

/* Room for `most` elements. */
static rove_status set_init(rove__set *set, size_t most, rove__arena *arena) {
    set->count = 0;
    set->elements = rove__arena_take(arena, most * sizeof *set->elements);
    return set->elements == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove__element *set_add(rove__set *set, rove_value value) {
    rove__element *element = &set->elements[set->count++];

    element->value = value;
    element->action = ROVE_SET_ADD;
    element->raw = 0;
    element->version = (rove__version){0, 0};
    return element;
}

/* Hands over what was made, at the very end, so that it may replace what it was made of. */
static rove_status set_done(const rove__set *made, rove__set *out) {
    if (made->count > ROVE_SET_ELEMENTS_MAX) {
        return ROVE_TOO_BIG;
    }
    *out = *made;
    return ROVE_OK;
}

/* What two have added is neither's own: who takes back his add takes back his alone. */
static void replace_add(rove__element *added, const rove__version *held) {
    if (added->version.stamp <= held->stamp) {
        added->version.stamp = held->stamp + 1;
    }
    if (added->version.replica != held->replica && !ROVE_PLANTED(P09_LAST_ADDER)) {
        added->version.replica = ROVE_SET_NOBODY;
    }
}

rove_status rove__merge_set(const rove__set *current, const rove__set *delta, rove__version version,
                            int own, rove__arena *arena, rove__set *result, size_t *ignored) {
    walk w = {current, delta, 0, 0};
    const rove__element *held = NULL;
    const rove__element *act = NULL;
    rove__set made = {ROVE_SET_VERSIONED, NULL, 0};
    rove_status status = set_init(&made, current->count + delta->count, arena);

    ROVE_ASSERT(current->form == ROVE_SET_VERSIONED && delta->form == ROVE_SET_DELTA);
    *ignored = 0;
    if (status != ROVE_OK) {
        return status;
    }
    while (walk_next(&w, &held, &act)) {
        int removes = act != NULL && act->action == ROVE_SET_REMOVE;
        if (act != NULL && !removes) {
            rove__element *added = set_add(&made, act->value);
            added->version = version;
            if (held != NULL) {
                replace_add(added, &held->version);
            }
        } else if (held != NULL) {
            if (removes && ROVE_PLANTED(P09_REMOVE_WINS)) {
                continue;
            }
            if (removes && rove__merge_causal(act->version, held->version, version.replica, own)) {
                continue;
            }
            set_add(&made, held->value)->version = held->version;
            *ignored += (size_t)removes;
        }
    }
    return set_done(&made, result);
}

rove_status rove__set_overlay(const rove__set *current, const rove__set *delta, rove__arena *arena,
                              rove__set *plain) {
    walk w = {current, delta, 0, 0};
    const rove__element *held = NULL;
    const rove__element *act = NULL;
    rove__set made = {ROVE_SET_PLAIN, NULL, 0};
    rove_status status = set_init(&made, current->count + delta->count, arena);

    if (status != ROVE_OK) {
        return status;
    }
    while (walk_next(&w, &held, &act)) {
        if (act == NULL) {
            (void)set_add(&made, held->value);
        } else if (act->action == ROVE_SET_ADD) {
            (void)set_add(&made, act->value);
        }
    }
    return set_done(&made, plain);
}

/* What `current` holds of a value, or nothing. */
static rove__version version_of(const rove__set *current, const rove_value *value) {
    int found = 0;
    size_t at = rove__set_find(current, value, &found);

    return found ? current->elements[at].version : (rove__version){0, 0};
}

rove_status rove__set_difference(const rove__set *current, const rove__set *pending,
                                 const rove__set *wanted, rove_stamp raw, rove__arena *arena,
                                 rove__set *delta) {
    rove__set shown = {ROVE_SET_PLAIN, NULL, 0};
    rove__set changes = {ROVE_SET_DELTA, NULL, 0};
    rove__set made = {ROVE_SET_DELTA, NULL, 0};
    walk first = {&shown, wanted, 0, 0};
    walk second = {pending, &changes, 0, 0};
    const rove__element *a = NULL;
    const rove__element *b = NULL;
    rove_status status = rove__set_overlay(current, pending, arena, &shown);

    if (status == ROVE_OK) {
        status = set_init(&changes, shown.count + wanted->count, arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    while (walk_next(&first, &a, &b)) {
        if (a == NULL) {
            set_add(&changes, b->value)->raw = raw;
        } else if (b == NULL) {
            /* Without a version it still takes away an add of our own that is on its way. */
            rove__element *removal = set_add(&changes, a->value);
            removal->action = ROVE_SET_REMOVE;
            removal->raw = raw;
            removal->version = version_of(current, &a->value);
        }
    }
    status = set_init(&made, pending->count + changes.count, arena);
    while (status == ROVE_OK && walk_next(&second, &a, &b)) {
        *set_add(&made, b != NULL ? b->value : a->value) = b != NULL ? *b : *a;
    }
    return status != ROVE_OK ? status : set_done(&made, delta);
}
