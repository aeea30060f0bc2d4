/*
 * laws/sets.c - counters and sets.
 */
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "laws.h"

__extension__ typedef __int128 wide;

/* ---- counters ---- */

static int64_t bounded(wide sum) {
    return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

const char *law_counter_sum(lab *l) {
    rove_value total = draw_stage(l);
    int64_t start = total.as.integer;
    size_t counts[2] = {0, 0};
    rove__increment *a = draw_increments(l, &counts[0]);
    rove__increment *b = draw_increments(l, &counts[1]);
    rove__increment *both = lab_take(l, (counts[0] + counts[1]) * sizeof *both);
    wide sum = start;
    wide sums[2] = {start, start};
    int saturated[5] = {0};

    show_number(l, "total", start);
    show_increments(l, "a", a, counts[0]);
    show_increments(l, "b", b, counts[1]);
    for (size_t i = 0; i < counts[0] + counts[1]; i++) {
        both[counts[0] + counts[1] - 1 - i] = i < counts[0] ? a[i] : b[i - counts[0]];
        sum += i < counts[0] ? a[i].delta : b[i - counts[0]].delta;
        sums[i >= counts[0]] += i < counts[0] ? a[i].delta : b[i - counts[0]].delta;
    }
    int64_t at_once = rove__merge_counter(start, both, counts[0] + counts[1], &saturated[0]);
    if (at_once != bounded(sum) || saturated[0] != (sum != bounded(sum))) {
        return "the sum is not exact";
    }
    int64_t ab = rove__merge_counter(start, a, counts[0], &saturated[1]);
    int64_t ba = rove__merge_counter(start, b, counts[1], &saturated[2]);
    ab = rove__merge_counter(ab, b, counts[1], &saturated[3]);
    ba = rove__merge_counter(ba, a, counts[0], &saturated[4]);
    if (sums[0] == bounded(sums[0]) && sums[1] == bounded(sums[1]) &&
        (ab != at_once || ba != at_once)) {
        return "two batches give another sum than one, or than in the other order";
    }
    return NULL;
}

const char *law_increments_encoding(lab *l) {
    size_t count = 0;
    size_t read_count = 0;
    rove__increment *a = draw_increments(l, &count);
    rove__increment *read = NULL;
    rove_value value;

    show_increments(l, "a", a, count);
    if (rove__increments_write(a, count, &l->arena, &value) != ROVE_OK ||
        rove__increments_read(&value, &l->arena, &read, &read_count) != ROVE_OK) {
        return "they cannot be written or read";
    }
    if (read_count != count || (value.type == ROVE_NULL) != (count == 0)) {
        return "there are more or fewer";
    }
    for (size_t i = 0; i < count; i++) {
        if (read[i].raw != a[i].raw || read[i].delta != a[i].delta) {
            return "one is another";
        }
    }
    if (count > 0) {
        value.size = (size_t)lab_pick(l, value.size);
        if (rove__increments_read(&value, &l->arena, &read, &read_count) == ROVE_OK) {
            return "a part of them can be read";
        }
    }
    return NULL;
}

/* ---- sets ---- */

static int has(const rove__set *set, const rove_value *value) {
    int found = 0;

    (void)rove__set_find(set, value, &found);
    return found;
}

static rove__version version_in(const rove__set *set, const rove_value *value) {
    int found = 0;
    size_t at = rove__set_find(set, value, &found);

    return found ? set->elements[at].version : (rove__version){0, 0};
}

static rove__set judge(lab *l, const rove__set *current, const rove__set *delta,
                       rove__version version, int own, size_t *ignored) {
    rove__set result;

    if (rove__merge_set(current, delta, version, own, &l->arena, &result, ignored) != ROVE_OK) {
        abort();
    }
    return result;
}

static int same_elements(const rove__set *a, const rove__set *b) {
    if (a->count != b->count) {
        return 0;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!rove__value_equal(&a->elements[i].value, &b->elements[i].value)) {
            return 0;
        }
    }
    return 1;
}

typedef struct deltas {
    draw_elements universe;
    rove__set state, a, b;
    rove__version of_a, of_b; /* of their adds */
    int own;
} deltas;

static deltas draw_deltas(lab *l) {
    deltas d;

    d.universe = draw_universe(l);
    d.state = draw_set(l, &d.universe);
    d.a = draw_delta(l, &d.universe, &d.state);
    d.b = draw_delta(l, &d.universe, &d.state);
    d.of_a = (rove__version){9 + lab_pick(l, 5), AUTHOR_A};
    d.of_b = (rove__version){9 + lab_pick(l, 5), AUTHOR_B};
    d.own = (int)lab_pick(l, 2);
    show_set(l, "state", &d.state);
    show_set(l, "a", &d.a);
    show_version(l, "of a", d.of_a);
    show_set(l, "b", &d.b);
    show_version(l, "of b", d.of_b);
    show_number(l, "own", d.own);
    return d;
}

const char *law_set_order(lab *l) {
    deltas d = draw_deltas(l);
    size_t ignored = 0;
    rove__set ab = judge(l, &d.state, &d.a, d.of_a, d.own, &ignored);
    rove__set ba = judge(l, &d.state, &d.b, d.of_b, d.own, &ignored);
    rove__set twice = judge(l, &ab, &d.a, d.of_a, d.own, &ignored);

    if (!same_elements(&twice, &ab)) {
        return "what is judged again changes something";
    }
    ab = judge(l, &ab, &d.b, d.of_b, d.own, &ignored);
    ba = judge(l, &ba, &d.a, d.of_a, d.own, &ignored);
    show_set(l, "a, b", &ab);
    show_set(l, "b, a", &ba);
    return same_elements(&ab, &ba) ? NULL : "the order matters";
}

const char *law_set_adds_win(lab *l) {
    deltas d = draw_deltas(l);
    size_t ignored = 0;
    size_t stay = 0;
    rove__set after = judge(l, &d.state, &d.a, d.of_a, d.own, &ignored);

    show_set(l, "after", &after);
    for (size_t i = 0; i < ELEMENTS; i++) {
        const rove_value *value = &d.universe.value[i];
        rove__version held = version_in(&d.state, value);
        int found = 0;
        size_t at = rove__set_find(&d.a, value, &found);
        int expected = has(&d.state, value);
        if (found && d.a.elements[at].action == ROVE_SET_ADD) {
            expected = 1;
        } else if (found && expected) {
            rove__version seen = d.a.elements[at].version;
            expected = !((seen.stamp == held.stamp && seen.replica == held.replica) ||
                         (d.own && held.replica == AUTHOR_A));
            stay += (size_t)expected;
        }
        if (has(&after, value) != expected) {
            return "an element is there and should not be, or the other way round";
        }
    }
    return stay != ignored ? "removes without effect are not counted" : NULL;
}

/* B adds and removes by what he sees, which is the state before A's write came. */
const char *law_set_unseen_adds(lab *l) {
    deltas d = draw_deltas(l);
    rove__set add = {ROVE_SET_DELTA, lab_take(l, sizeof *add.elements), 1};
    rove__set take_back = {ROVE_SET_DELTA, lab_take(l, sizeof *add.elements), 1};
    rove_value value = d.universe.value[lab_pick(l, ELEMENTS)];
    rove__version later = {d.of_b.stamp + 1, AUTHOR_B};
    size_t ignored = 0;
    int found = 0;

    add.elements[0] = (rove__element){.value = value, .action = ROVE_SET_ADD};
    take_back.elements[0] = (rove__element){
        .value = value, .action = ROVE_SET_REMOVE, .version = version_in(&d.state, &value)};
    show_value(l, "element", &value);
    rove__set after = judge(l, &d.state, &d.a, d.of_a, d.own, &ignored);
    after = judge(l, &after, &add, d.of_b, 1, &ignored);
    after = judge(l, &after, &take_back, later, 1, &ignored);
    show_set(l, "after", &after);
    size_t at = rove__set_find(&d.a, &value, &found);
    int added_by_a = found && d.a.elements[at].action == ROVE_SET_ADD;
    return added_by_a && !has(&after, &value) ? "it is gone" : NULL;
}

const char *law_set_versions_rise(lab *l) {
    deltas d = draw_deltas(l);
    size_t ignored = 0;
    rove__set after = judge(l, &d.state, &d.a, d.of_a, d.own, &ignored);
    const rove_value *previous = NULL;

    show_set(l, "after", &after);
    for (size_t i = 0; i < after.count; i++) {
        const rove__element *element = &after.elements[i];
        rove__version held = version_in(&d.state, &element->value);
        int found = 0;
        size_t at = rove__set_find(&d.a, &element->value, &found);
        int added = found && d.a.elements[at].action == ROVE_SET_ADD;
        if (previous != NULL && rove__value_compare(previous, &element->value) >= 0) {
            return "the elements do not ascend";
        }
        int alone = held.stamp == 0 || held.replica == AUTHOR_A;
        if (added &&
            (element->version.stamp <= held.stamp || element->version.stamp < d.of_a.stamp ||
             element->version.replica != (alone ? AUTHOR_A : ROVE_SET_NOBODY))) {
            return "an add is not later than what it replaces";
        }
        if (!added && rove__version_compare(element->version, held) != 0) {
            return "what was not added has another version";
        }
        previous = &element->value;
    }
    return NULL;
}

const char *law_set_screen(lab *l) {
    deltas d = draw_deltas(l);
    rove__set wanted = draw_plain(l, &d.universe);
    rove__set delta;
    rove__set shown;
    size_t ignored = 0;

    show_set(l, "wanted", &wanted);
    if (rove__set_difference(&d.state, &d.a, &wanted, 7, &l->arena, &delta) != ROVE_OK ||
        rove__set_overlay(&d.state, &delta, &l->arena, &shown) != ROVE_OK) {
        abort();
    }
    show_set(l, "delta", &delta);
    if (!same_elements(&shown, &wanted)) {
        return "the screen shows something else";
    }
    /* From nothing pending, each remove names what is held. */
    d.a.count = 0;
    if (rove__set_difference(&d.state, &d.a, &wanted, 7, &l->arena, &delta) != ROVE_OK) {
        abort();
    }
    shown = judge(l, &d.state, &delta, d.of_a, d.own, &ignored);
    return same_elements(&shown, &wanted) && ignored == 0 ? NULL : "headquarters does not agree";
}

static const char *check_set_encoding(lab *l, const rove__set *set) {
    rove__set read;
    rove_value value;

    show_set(l, "set", set);
    if (rove__set_value(set, &l->arena, &value) != ROVE_OK ||
        rove__set_read(&read, &value, set->form, &l->arena) != ROVE_OK) {
        return "it cannot be written or read";
    }
    if (read.form != set->form || !same_elements(&read, set)) {
        return "it is read as something else";
    }
    for (size_t i = 0; i < set->count; i++) {
        const rove__element *a = &set->elements[i];
        const rove__element *b = &read.elements[i];
        int versioned = set->form == ROVE_SET_VERSIONED || a->action == ROVE_SET_REMOVE;
        if (set->form == ROVE_SET_DELTA && (a->action != b->action || a->raw != b->raw)) {
            return "an act is read as another";
        }
        if (versioned && rove__version_compare(a->version, b->version) != 0) {
            return "a version is read as another";
        }
    }
    if (value.type == ROVE_BLOB) {
        value.size = (size_t)lab_pick(l, value.size);
        if (rove__set_read(&read, &value, set->form, &l->arena) == ROVE_OK) {
            return "a part of it can be read";
        }
    }
    return NULL;
}

const char *law_set_encoding(lab *l) {
    draw_elements universe = draw_universe(l);
    rove__set state = draw_set(l, &universe);
    rove__set delta = draw_delta(l, &universe, &state);
    rove__set plain = draw_plain(l, &universe);
    const char *what = check_set_encoding(l, &state);

    what = what != NULL ? what : check_set_encoding(l, &delta);
    return what != NULL ? what : check_set_encoding(l, &plain);
}
