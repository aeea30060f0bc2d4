/*
 * laws/cells.c - values, versions, registers and ranks.
 */
#include <string.h>

#include "draw.h"
#include "laws.h"

typedef rove__merged merge(const rove__cell *current, const rove__cell *write, int causal);
typedef int join(const rove__cell *a, const rove__cell *b);

static int sign(int number) {
    return (number > 0) - (number < 0);
}

/* The same bits, told without the product. */
static int same_value(const rove_value *a, const rove_value *b) {
    if (a->type != b->type) {
        return 0;
    }
    if (a->type == ROVE_NULL) {
        return 1;
    }
    if (a->type == ROVE_TEXT || a->type == ROVE_BLOB) {
        return a->size == b->size && (a->size == 0 || memcmp(a->as.data, b->as.data, a->size) == 0);
    }
    return memcmp(&a->as, &b->as, sizeof(int64_t)) == 0;
}

static int same_version(rove__version a, rove__version b) {
    return a.stamp == b.stamp && a.replica == b.replica;
}

static int same_cell(const rove__cell *a, const rove__cell *b) {
    return same_version(a->version, b->version) && a->epoch == b->epoch &&
           same_value(&a->value, &b->value);
}

/* ---- order and encoding ---- */

const char *law_value_order(lab *l) {
    rove_value a = draw_value(l);
    rove_value b = draw_value(l);
    rove_value c = draw_value(l);
    int ab = rove__value_compare(&a, &b);

    show_value(l, "a", &a);
    show_value(l, "b", &b);
    show_value(l, "c", &c);
    if (ab != -rove__value_compare(&b, &a) || ab != sign(ab)) {
        return "a and b stand in two orders";
    }
    if (rove__value_compare(&a, &a) != 0 || !rove__value_equal(&a, &a)) {
        return "a is not equal to itself";
    }
    if ((ab == 0) != same_value(&a, &b) || rove__value_equal(&a, &b) != (ab == 0)) {
        return "a and b are equal, and their bits are not, or the other way round";
    }
    if (ab <= 0 && rove__value_compare(&b, &c) <= 0 && rove__value_compare(&a, &c) > 0) {
        return "a is not after b, and b not after c, but a is after c";
    }
    return NULL;
}

const char *law_value_encoding(lab *l) {
    rove_value a = draw_value(l);
    rove_value read;
    rove__reader reader;

    show_value(l, "a", &a);
    rove__value_write(&l->buf[0], &a);
    if (rove__buf_status(&l->buf[0]) != ROVE_OK) {
        return "it cannot be written";
    }
    rove__reader_init(&reader, l->buf[0].data, l->buf[0].size);
    rove__value_read(&reader, &read);
    if (!value_is_legal(&a)) {
        return rove__reader_status(&reader) == ROVE_OK ? "it is read, and may not be" : NULL;
    }
    if (rove__reader_status(&reader) != ROVE_OK || rove__reader_left(&reader) != 0) {
        return "it cannot be read";
    }
    if (!same_value(&a, &read)) {
        return "it is read as something else";
    }
    rove__reader_init(&reader, l->buf[0].data, lab_pick(l, l->buf[0].size));
    rove__value_read(&reader, &read);
    return rove__reader_status(&reader) == ROVE_OK ? "a part of it is a value too" : NULL;
}

const char *law_version_order(lab *l) {
    rove__version a = draw_version(l);
    rove__version b = draw_version(l);
    rove__version c = draw_version(l);
    int ab = rove__version_compare(a, b);

    show_version(l, "a", a);
    show_version(l, "b", b);
    show_version(l, "c", c);
    if (ab != -rove__version_compare(b, a) || ab != sign(ab)) {
        return "a and b stand in two orders";
    }
    if ((ab == 0) != same_version(a, b)) {
        return "a and b are equal and differ, or the other way round";
    }
    if (ab <= 0 && rove__version_compare(b, c) <= 0 && rove__version_compare(a, c) > 0) {
        return "a is not after b, and b not after c, but a is after c";
    }
    return a.stamp < b.stamp && ab >= 0 ? "the later stamp does not stand later" : NULL;
}

/* ---- joins ---- */

static const rove__cell *pick(join *j, const rove__cell *a, const rove__cell *b) {
    return j(a, b) > 0 ? b : a;
}

static const char *check_join(lab *l, join *j, rove__cell a, rove__cell b, rove__cell c) {
    show_cell(l, "a", &a);
    show_cell(l, "b", &b);
    show_cell(l, "c", &c);
    if (!same_cell(pick(j, &a, &b), pick(j, &b, &a)) || sign(j(&a, &b)) != -sign(j(&b, &a))) {
        return "not commutative";
    }
    if (!same_cell(pick(j, pick(j, &a, &b), &c), pick(j, &a, pick(j, &b, &c)))) {
        return "not associative";
    }
    if (j(&a, &a) != 0 || !same_cell(pick(j, &a, pick(j, &a, &b)), pick(j, &a, &b))) {
        return "not idempotent";
    }
    return (j(&a, &b) == 0) != same_cell(&a, &b) ? "a tie is not decided" : NULL;
}

const char *law_register_join(lab *l) {
    rove__cell a = draw_cell(l);
    rove__cell b = draw_cell(l);

    return check_join(l, rove__merge_join, a, b, draw_cell(l));
}

const char *law_rank_join(lab *l) {
    rove__cell a = draw_rank(l);
    rove__cell b = draw_rank(l);

    return check_join(l, rove__merge_join_rank, a, b, draw_rank(l));
}

/* ---- judged ---- */

/* The cell after a write; *kept is what the conflict log then has, in *lost. */
static rove__cell judge(merge *m, const rove__cell *current, const rove__cell *write, int causal,
                        rove__cell *lost, int *kept) {
    rove__merged merged = m(current, write, causal);
    rove__cell after = merged.takes ? *write : *current;

    *kept = merged.conflict;
    *lost = merged.takes ? *current : *write;
    after.version = merged.version;
    return after;
}

static const char *check_unseen(lab *l, merge *m, rove__cell s, rove__cell a, rove__cell b) {
    rove__cell lost;
    int kept = 0;
    rove__cell ab = judge(m, &s, &a, 0, &lost, &kept);
    rove__cell ba = judge(m, &s, &b, 0, &lost, &kept);

    show_cell(l, "state", &s);
    show_cell(l, "a", &a);
    show_cell(l, "b", &b);
    ab = judge(m, &ab, &b, 0, &lost, &kept);
    ba = judge(m, &ba, &a, 0, &lost, &kept);
    if (!same_cell(&ab, &ba)) {
        show_cell(l, "a, b", &ab);
        show_cell(l, "b, a", &ba);
        return "the order matters";
    }
    ba = judge(m, &ab, &a, 0, &lost, &kept);
    ba = judge(m, &ba, &b, 0, &lost, &kept);
    if (!same_cell(&ab, &ba)) {
        return "what is judged again changes something";
    }
    (void)judge(m, &ab, &ab, 0, &lost, &kept);
    return kept ? "what stands is in conflict with itself" : NULL;
}

const char *law_register_unseen(lab *l) {
    rove__cell s = draw_cell(l);
    rove__cell a = draw_cell(l);

    return check_unseen(l, rove__merge_register, s, a, draw_cell(l));
}

const char *law_rank_unseen(lab *l) {
    rove__cell s = draw_rank(l);
    rove__cell a = draw_rank(l);

    return check_unseen(l, rove__merge_rank, s, a, draw_rank(l));
}

/* What counts as a different value: of a rank its epoch too. */
static int same_meaning(const rove__cell *a, const rove__cell *b) {
    return a->epoch == b->epoch && same_value(&a->value, &b->value);
}

static const char *check_kept(lab *l, merge *m, rove__cell s, rove__cell a, rove__cell b) {
    rove__cell lost[2];
    int kept[2] = {0, 0};
    rove__cell first = judge(m, &s, &a, 0, &lost[0], &kept[0]);
    rove__cell last = judge(m, &first, &b, 0, &lost[1], &kept[1]);
    const rove__cell *all[] = {&s, &a, &b};
    int forks = m(&s, &a, 0).fork;

    show_cell(l, "state", &s);
    show_cell(l, "a", &a);
    show_cell(l, "b", &b);
    show_cell(l, "after", &last);
    for (size_t i = 0; i < 3; i++) {
        if (!same_meaning(all[i], &last) && !(kept[0] && same_meaning(all[i], &lost[0])) &&
            !(kept[1] && same_meaning(all[i], &lost[1]))) {
            return "a value is neither current nor kept";
        }
    }
    if (kept[0] != !same_meaning(&s, &a) || kept[1] != !same_meaning(&first, &b)) {
        return "a conflict of equal values, or none of different ones";
    }
    return forks != (same_version(s.version, a.version) && !same_meaning(&s, &a))
               ? "the alarm is not raised exactly where equal versions differ"
               : NULL;
}

const char *law_register_kept(lab *l) {
    rove__cell s = draw_cell(l);
    rove__cell a = draw_cell(l);

    return check_kept(l, rove__merge_register, s, a, draw_cell(l));
}

const char *law_rank_kept(lab *l) {
    rove__cell s = draw_rank(l);
    rove__cell a = draw_rank(l);

    return check_kept(l, rove__merge_rank, s, a, draw_rank(l));
}

const char *law_register_seen(lab *l) {
    rove__cell s = draw_cell(l);
    rove__cell a = draw_cell(l);
    rove__cell b = draw_cell(l);
    rove__cell lost;
    int kept = 0;
    rove__cell after = judge(rove__merge_register, &s, &a, 1, &lost, &kept);
    rove__cell again;

    show_cell(l, "state", &s);
    show_cell(l, "a", &a);
    show_cell(l, "after", &after);
    if (!same_value(&after.value, &a.value) || after.version.replica != a.version.replica) {
        return "who saw the value does not replace it";
    }
    if (kept || rove__merge_register(&s, &a, 1).fork) {
        return "what was replaced by who saw it is a conflict";
    }
    if (rove__merge_join(&s, &after) <= 0 || after.version.stamp < a.version.stamp) {
        return "the later write is not later";
    }
    if (a.version.stamp > s.version.stamp && after.version.stamp != a.version.stamp) {
        return "its stamp was raised without need";
    }
    again = judge(rove__merge_register, &after, &s, 0, &lost, &kept);
    if (!same_cell(&again, &after)) {
        return "what was replaced comes back";
    }
    again = judge(rove__merge_register, &after, &b, 1, &lost, &kept);
    show_cell(l, "b", &b);
    return rove__merge_join(&s, &again) <= 0 ? "a chain of writes goes back in time" : NULL;
}

static int behind(const rove__cell *a, const rove__cell *b) {
    return a->epoch != b->epoch ? a->epoch < b->epoch : a->value.as.integer < b->value.as.integer;
}

const char *law_rank_forward(lab *l) {
    rove__cell s = draw_rank(l);
    rove__cell a = draw_rank(l);
    int causal = (int)lab_pick(l, 2);
    rove__cell lost;
    int kept = 0;
    rove__cell after = judge(rove__merge_rank, &s, &a, causal, &lost, &kept);

    show_cell(l, "state", &s);
    show_cell(l, "a", &a);
    show_number(l, "seen", causal);
    show_cell(l, "after", &after);
    if (behind(&after, &s) || behind(&after, &a)) {
        return "the furthest rank does not stand";
    }
    if (causal && !behind(&a, &s) && (kept || !same_meaning(&after, &a))) {
        return "an advance of who saw the rank does not just count";
    }
    if (causal && !behind(&a, &s) && rove__version_compare(after.version, s.version) <= 0) {
        return "the later advance is not later";
    }
    return causal && behind(&a, &s) && !kept ? "a step back is lost" : NULL;
}

const char *law_causal(lab *l) {
    rove__version base = draw_version(l);
    rove__version current = draw_version(l);
    rove_replica author = (rove_replica)lab_pick(l, DRAW_FEW);
    int own = (int)lab_pick(l, 2);
    int seen = same_version(base, current) || (own && current.replica == author);

    show_version(l, "base", base);
    show_version(l, "current", current);
    show_number(l, "author", author);
    show_number(l, "own", own);
    return rove__merge_causal(base, current, author, own) != seen ? "it is not" : NULL;
}
