/*
 * What headquarters has had already (P3): the original of a device sends a batch, then its copy, which goes on by itself, sends the
 * same work with more of its own. Each act counts once, whatever it comes along with.
 */
#include <string.h>

#include "copies.h"
#include "rove/entities.pb-c.h"

#define UNKNOWN 900u /* a field that this build does not know */

/* ---- edits ------------------------------------------------------------------------------------------------ */

static void an_increment_counts_once_and_what_it_grew_by(void **state) {
    world *w = *state;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", 5);
    rove_stamp raw = stamp_of(w, &first);

    original_sends(w);
    const rove__increment grown[] = {{raw, 9}, {raw + 1, 2}};
    rove__change more = with_value(w, &first, "points", increments(w, grown, 2));
    copy_sends(w, &more, 1);
    assert_int_equal(points(w), 11);
    copy_sends(w, &first, 1); /* as it was before it grew */
    assert_int_equal(points(w), 11);
    /* And with other work, as it was then. */
    rove__change both[] = {more, taken(w, rep_update(&w->anna, "Account", w->account, "phone",
                                                     rove__value_text("1")))};
    copy_sends(w, both, 2);
    assert_int_equal(points(w), 11);
}

/* The copy is of before it grew: what it grew by is not taken back. */
static void an_increment_that_was_smaller_takes_nothing_back(void **state) {
    world *w = *state;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", 9);
    const rove__increment smaller[] = {{stamp_of(w, &first), 5}};

    original_sends(w);
    rove__change less = with_value(w, &first, "points", increments(w, smaller, 1));
    copy_sends(w, &less, 1);
    assert_int_equal(points(w), 9);
    first = *rep_count(&w->anna, "Account", w->account, "points", -9);
    const rove__increment nearer[] = {{stamp_of(w, &first), -5}};
    original_sends(w);
    less = with_value(w, &first, "points", increments(w, nearer, 1));
    copy_sends(w, &less, 1);
    assert_int_equal(points(w), 0);
}

static void increments_that_cannot_be_compared_are_added(void **state) {
    world *w = *state;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", INT64_MIN);
    rove_stamp raw = stamp_of(w, &first);

    original_sends(w);
    const rove__increment other[] = {{raw, 1}};
    rove__change more = with_value(w, &first, "points", increments(w, other, 1));
    copy_sends(w, &more, 1);
    assert_int_equal(points(w), INT64_MIN + 1);
}

static void increments_that_cannot_be_read_are_looked_at_alone(void **state) {
    world *w = *state;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", 5);

    original_sends(w);
    rove__change both[] = {
        with_value(w, &first, "points", rove__value_bytes(ROVE_BLOB, "\xff", 1)),
        taken(w, rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1")))};
    copy_sends_for_review(w, both, 2, 1);
    assert_int_equal(points(w), 5);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 1);
}

/* It has enrolled as a device of its own by now, and sent before the original what both had done. */
static void what_a_copy_sent_first_counts_once(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rep copy;

    rep_open(&copy, &w->s, 300, ANNA);
    number_was(w, 300, ANNAS);
    rep_settle(&copy);
    rove__change common = *rep_count(&w->anna, "Account", w->account, "points", 5);
    (void)rep_count(&copy, "Account", w->account, "points", 2);
    copy.changes[0] = common; /* as he did it when he was she */
    rep_exchange(&copy, &outcome);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(points(w), 5);
    original_sends(w);
    assert_int_equal(points(w), 5);
    rep_close(&copy);
}

static void acts_on_a_set_count_once_each(void **state) {
    world *w = *state;
    rove__element had[] = {adds(1, 0), adds(2, 0), adds(4, 0)};
    rove__change first = *rep_set_add(&w->anna, "Account", w->account, "tag_ids", 1);
    rove_stamp raw = first.edits[0].raw;

    had[0].raw = had[1].raw = had[2].raw = raw;
    set_edit(&w->anna.changes[0], "tag_ids", set_of(w, ROVE_SET_DELTA, had, 3));
    original_sends(w);
    /* The first as it was, the second done again, a third; the last one taken out again. */
    rove__element now[] = {adds(1, raw), adds(2, raw + 1), adds(3, raw), adds(4, raw)};
    now[3].action = ROVE_SET_REMOVE;
    rove__change more = with_value(w, &first, "tag_ids", set_of(w, ROVE_SET_DELTA, now, 4));
    copy_sends(w, &more, 1);
    assert_true(has_tag(w, 1) && has_tag(w, 2) && has_tag(w, 3));
    /* All of it once more, and nothing else: nothing is written. */
    size_t history = memory_headquarters_history(w->s.hq);
    rove__change all = with_value(w, &first, "tag_ids", set_of(w, ROVE_SET_DELTA, had, 2));
    copy_sends(w, &all, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
}

static void a_register_is_known_by_field_stamp_and_value(void **state) {
    world *w = *state;
    rove__change first =
        *rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
    rep_update(&w->ben, "Account", w->account, "email", rove__value_text("ben@example"));
    rep_outcome outcome;

    rep_exchange(&w->ben, &outcome);
    original_sends(w);
    size_t history = memory_headquarters_history(w->s.hq);
    /* Of another stamp, of another field, of another value: not known. */
    rove__change again = with_value(w, &first, "phone", rove__value_text("1"));
    copy_sends(w, &again, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    again.edits[0].raw++;
    copy_sends(w, &again, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
    rove__change other = with_value(w, &first, "phone", rove__value_text("2"));
    copy_sends(w, &other, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 3); /* and a conflict's */
    rove__change website =
        taken(w, rep_update(&w->anna, "Account", w->account, "website", rove__value_text("1")));
    copy_sends(w, &website, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 4);
}

/* An edit with so many fields of a later build. */
static rove__change unknown_fields(world *w, size_t count) {
    rove__change change =
        *rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
    rove__edit like = change.edits[0];

    change.row.extra = rove__arena_take(&w->s.arena, count * sizeof *change.row.extra);
    change.edits = rove__arena_take(&w->s.arena, (count + 1) * sizeof *change.edits);
    assert_true(change.row.extra != NULL && change.edits != NULL);
    change.edits[0] = like;
    for (size_t i = 0; i < count; i++) {
        change.row.extra[i] = (rove__extra){UNKNOWN + (uint32_t)i, rove__value_int(1)};
        change.edits[i + 1] = like;
        change.edits[i + 1].field = UNKNOWN + (uint32_t)i;
        change.edits[i + 1].base = (rove__version){0, 0};
    }
    change.row.extra_count = count;
    change.edit_count = count + 1;
    w->anna.change_count--;
    return change;
}

static void unknown_fields_are_known_again(void **state) {
    world *w = *state;
    static const size_t counts[] = {3, 220};

    for (size_t i = 0; i < 2; i++) {
        rove__change first = unknown_fields(w, counts[i]);
        rove__hq_row row;
        copy_sends(w, &first, 1); /* the original's device does not know them either */
        size_t history = memory_headquarters_history(w->s.hq);
        rove__change both[] = {first,
                               taken(w, rep_count(&w->anna, "Account", w->account, "points", 1))};
        copy_sends(w, both, 2);
        assert_true(memory_headquarters_history(w->s.hq) <= history + 1);
        assert_true(site_get(&w->s, "Account", w->account, &row));
        assert_int_equal(row.row.extra_count, counts[i]);
    }
}

static void a_delete_is_known_by_its_stamp(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);

    rep_settle(&w->anna);
    rove__change first = *rep_delete(&w->anna, "Visit", visit);
    original_sends(w);
    size_t history = memory_headquarters_history(w->s.hq);
    rove__change both[] = {first,
                           taken(w, rep_count(&w->anna, "Account", w->account, "points", 1))};
    copy_sends(w, both, 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
    rove__edit later = first.edits[0];
    later.raw++;
    both[0].edits = &later;
    copy_sends(w, both, 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 2);
}

/* What only headquarters wrote in it, he had seen. */
static void a_copys_delete_counts(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rove__hq_row row;

    rep_settle(&w->anna);
    rove__change change = taken(w, rep_delete(&w->anna, "Visit", visit));
    copy_sends(w, &change, 1);
    assert_true(site_get(&w->s, "Visit", visit, &row) && row.dead != 0);
}

/* ---- inserts ---------------------------------------------------------------------------------------------- */

/* The copy's rep went on in the record before it was sent: what he changed is an edit. */
static void what_a_copy_changed_in_a_new_record_is_an_edit(void **state) {
    world *w = *state;
    rove__change first = an_account(w);
    const rove__increment grown[] = {{7, 5}, {8, 3}};
    rove__element tags[] = {adds(1, 8), adds(2, 8)};

    w->account = first.row.id;
    copy_sends(w, &first, 1);
    rove__change more = with_value(w, &first, "website", rove__value_text("new.example"));
    set_edit(&more, "points", increments(w, grown, 2));
    set_edit(&more, "tag_ids", set_of(w, ROVE_SET_DELTA, tags, 2));
    int phone = rove__entity_field_named(more.row.entity, "phone");
    rove__bits_clear(&more.row.present, (size_t)phone);
    copy_sends(w, &more, 1);
    assert_int_equal(site_conflicts(&w->s, w->account), 2); /* neither had seen the other's */
    assert_int_equal(points(w), 8);
    assert_true(has_tag(w, 1) && has_tag(w, 2));
}

static void a_new_record_of_before_its_counter_grew_takes_nothing_back(void **state) {
    world *w = *state;
    rove__change first = an_account(w);
    const rove__increment smaller = {7, 3};

    w->account = first.row.id;
    copy_sends(w, &first, 1);
    assert_int_equal(points(w), 5);
    rove__change less = with_value(w, &first, "points", increments(w, &smaller, 1));
    copy_sends(w, &less, 1);
    assert_int_equal(points(w), 5);
}

static void increments_of_new_records_that_cannot_be_compared_are_added(void **state) {
    world *w = *state;
    rove__change first = an_account(w);
    const rove__increment least = {7, INT64_MIN};
    const rove__increment one = {7, 1};

    w->account = first.row.id;
    rove__change less = with_value(w, &first, "points", increments(w, &least, 1));
    copy_sends(w, &less, 1);
    int64_t before = points(w);
    rove__change more = with_value(w, &first, "points", increments(w, &one, 1));
    copy_sends(w, &more, 1);
    assert_int_equal(points(w), before + 1);
}

static void a_new_record_that_comes_again_is_known(void **state) {
    world *w = *state;
    rove__change first = an_account(w);

    copy_sends(w, &first, 1);
    size_t history = memory_headquarters_history(w->s.hq);
    rove__change both[] = {first,
                           taken(w, rep_count(&w->anna, "Account", w->account, "points", 1))};
    copy_sends(w, both, 2);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

/* Signed after it was copied: as it was signed, and the people who were there as they are. */
static void a_new_visit_that_a_copy_sealed_is_sealed(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    rove__element people[] = {adds(77, 7), adds(78, 8)};

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", SITE_NOW);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    site_set(row, "contact_ids", set_of(w, ROVE_SET_DELTA, people, 1));
    rove__change first = taken(w, rep_insert(&w->anna, row));
    copy_sends(w, &first, 1);
    rove__change sealed = with_value(w, &first, "sealed_at", rove__value_int(SITE_NOW));
    set_edit(&sealed, "notes", rove__value_text("signed"));
    copy_sends(w, &sealed, 1);
    assert_int_equal(site_cell(&w->s, "Visit", row->id, "sealed_at").type, ROVE_INT);
    assert_int_equal(site_cell(&w->s, "Visit", row->id, "notes").size, strlen("signed"));
    assert_int_equal(site_cell(&w->s, "Visit", row->id, "contact_ids").type, ROVE_BLOB);
}

static rove__change a_signed_visit(world *w, int is_signed) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    const rove__increment seven = {7, 7};

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", SITE_NOW);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    site_set(row, "checkin_accuracy_m", increments(w, &seven, 1));
    if (is_signed) {
        site_int(row, "sealed_at", SITE_NOW);
    }
    return taken(w, rep_insert(&w->anna, row));
}

/* No sealed entity has a counter yet: here a visit's accuracy is one. */
static void let_visits_count(world *w) {
    const rove__entity *entity = rove__registry_by_name(w->s.registry, "Visit");
    rove__field *fields = (rove__field *)(uintptr_t)entity->fields;

    fields[rove__entity_field_named(entity, "checkin_accuracy_m")].kind = ROVE_KIND_COUNTER;
}

/* Signed by the original or not, by the copy or not: what was signed stands, and is counted once. */
static void of_a_new_visit_what_was_signed_stands(void **state) {
    world *w = *state;
    const struct {
        int original, copy;
        int clashes; /* the note's, and the signature's where one has it: neither had seen the other's */
    } cases[] = {{1, 1, 1}, {1, 0, 2}, {0, 1, 2}};

    let_visits_count(w);
    for (size_t i = 0; i < 3; i++) {
        rove__change first = a_signed_visit(w, cases[i].original);
        copy_sends(w, &first, 1);
        rove__change other = with_value(w, &first, "notes", rove__value_text("the copy's"));
        set_edit(&other, "sealed_at",
                 cases[i].copy ? rove__value_int(SITE_NOW) : rove__value_null());
        copy_sends(w, &other, 1);
        rove_id id = first.row.id;
        assert_int_equal(site_cell(&w->s, "Visit", id, "sealed_at").type, ROVE_INT);
        assert_int_equal(site_cell(&w->s, "Visit", id, "checkin_accuracy_m").as.integer, 7);
        assert_int_equal(site_cell(&w->s, "Visit", id, "notes").type,
                         cases[i].original ? ROVE_NULL : ROVE_TEXT);
        if ((int)site_conflicts(&w->s, id) != cases[i].clashes) {
            fail_msg("case %zu: %zu conflicts", i, site_conflicts(&w->s, id));
        }
    }
}

/* What the copy had sent of a later build's field is in what it signs. */
static void a_seal_with_unknown_fields_that_are_known_is_a_seal(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rove__extra extra = {UNKNOWN, rove__value_int(1)};
    rove__edit edits[2];

    rep_settle(&w->anna);
    rove__change first =
        taken(w, rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("1")));
    first.row.extra = &extra;
    first.row.extra_count = 1;
    edits[0] = edits[1] = first.edits[0];
    edits[1].field = UNKNOWN;
    first.edits = edits;
    first.edit_count = 2;
    copy_sends(w, &first, 1);
    rove__change seal = taken(w, rep_seal(&w->anna, "Visit", visit, NULL));
    rove__edit sealing[2] = {seal.edits[0], edits[1]};
    seal.row.extra = &extra;
    seal.row.extra_count = 1;
    seal.edits = sealing;
    seal.edit_count = 2;
    copy_sends(w, &seal, 1);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "sealed_at").type, ROVE_INT);
    rove__hq_row row;
    assert_true(site_get(&w->s, "Visit", visit, &row));
    assert_int_equal(row.row.extra_count, 1);
}

/* ---- people of a signed visit ------------------------------------------------------------------------------ */

static void a_seal_with_people_that_comes_again_is_known(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__row *changes = site_row(&w->s, "Visit", visit);

    site_set(changes, "contact_ids", people(w, 11, 0));
    rove__change seal = *rep_seal(&w->anna, "Visit", visit, changes);
    original_sends(w);
    assert_int_equal(people_of(w, visit), 1);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &seal, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

/* With an edit of its own, so that it is judged as a second seal. */
static void an_emptied_set_that_comes_again_is_known(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__row *changes = site_row(&w->s, "Visit", visit);

    site_set(changes, "contact_ids", rove__value_null());
    rove__change seal = *rep_seal(&w->anna, "Visit", visit, changes);
    original_sends(w);
    assert_int_equal(people_of(w, visit), 0);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &seal, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
    seal.edits[seal.edit_count - 1].raw++;
    copy_sends(w, &seal, 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
}

/* What was done to the set came by itself before: the seal is the set all the same. */
static void people_that_came_by_themselves_before_are_as_signed(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);
    rove__row *changes = site_row(&w->s, "Visit", visit);

    rep_set_add(&w->anna, "Visit", visit, "contact_ids", 13);
    original_sends(w);
    assert_int_equal(people_of(w, visit), 3);
    site_set(changes, "contact_ids", people(w, 11, 13));
    rove__change seal = taken(w, rep_seal(&w->anna, "Visit", visit, changes));
    copy_sends(w, &seal, 1);
    assert_int_equal(people_of(w, visit), 2);
}

/* The other way round: what a signed set holds already is no conflict, and what it does not hold is. */
static void acts_that_come_after_the_seal_count_by_what_they_change(void **state) {
    world *w = *state;
    rove_id visit = visit_with_people(w);

    rove__change again = taken(w, rep_set_add(&w->anna, "Visit", visit, "contact_ids", 12));
    rove__change other = taken(w, rep_set_add(&w->anna, "Visit", visit, "contact_ids", 14));
    rep_seal(&w->anna, "Visit", visit, NULL);
    original_sends(w);
    copy_sends(w, &again, 1);
    assert_int_equal(site_conflicts(&w->s, 0), 0);
    copy_sends(w, &other, 1);
    assert_int_equal(site_conflicts(&w->s, 0), 1);
    assert_int_equal(people_of(w, visit), 2);
}

/* Older builds sent a set only if it changed along with the seal, and then what was done to it. */
static void a_set_that_an_older_build_does_not_send_stays(void **state) {
    world *w = *state;
    rove_id visits[] = {visit_with_people(w), visit_with_people(w)};
    int at = rove__entity_field_named(site_row(&w->s, "Visit", 1)->entity, "contact_ids");

    for (size_t i = 0; i < 2; i++) {
        rove__row *changes = site_row(&w->s, "Visit", visits[i]);
        rove__element added = adds(13, rep_stamp(&w->anna));
        site_set(changes, "contact_ids", set_of(w, ROVE_SET_DELTA, &added, 1));
        rove__change *seal = rep_seal(&w->anna, "Visit", visits[i], i == 0 ? NULL : changes);
        if (i == 0) {
            rove__bits_clear(&seal->row.present, (size_t)at);
        }
        rep_settle(&w->anna);
        rep_check(&w->anna);
        assert_int_equal(people_of(w, visits[i]), 2 + i);
    }
}

/* The copy took a person out before it signed: the insert that it sends has the others alone. */
static void a_new_visit_that_a_copy_sealed_has_the_people_signed(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    rove__element two[] = {adds(11, 7), adds(12, 7)};

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", SITE_NOW);
    site_set(row, "contact_ids", set_of(w, ROVE_SET_DELTA, two, 2));
    rove__change first = taken(w, rep_insert(&w->anna, row));
    copy_sends(w, &first, 1);
    assert_int_equal(people_of(w, row->id), 2);
    rove__change sealed = with_value(w, &first, "sealed_at", rove__value_int(SITE_NOW));
    set_edit(&sealed, "contact_ids", set_of(w, ROVE_SET_DELTA, two, 1));
    copy_sends(w, &sealed, 1);
    assert_int_equal(site_cell(&w->s, "Visit", row->id, "sealed_at").type, ROVE_INT);
    assert_int_equal(people_of(w, row->id), 1);
}

/* ---- what was refused, with edits under way ---------------------------------------------------------------- */

/* A new record and two edits of it; `held`: the record as it came to be, naming them, as its device gives it back. */
typedef struct story {
    rove__change first, held;
    rove__change edits[2];
    rove__change later, gone;
} story;

static story a_story(world *w) {
    story s = {.first = *note_account(w)};
    rove_id id = s.first.row.id;

    w->account = id;
    s.edits[0] = *rep_update(&w->anna, "Account", id, "phone", rove__value_text("22"));
    s.edits[0].edits[0].base = s.first.clock.base;
    s.edits[1] = *rep_count(&w->anna, "Account", id, "points", 3);
    s.later = *rep_update(&w->anna, "Account", id, "phone", rove__value_text("333"));
    s.gone = *rep_delete(&w->anna, "Account", id);
    w->anna.change_count = 0; /* they are sent by hand */
    const rove__increment parts[] = {{7, 5}, {stamp_of(w, &s.edits[1]), 3}};
    s.held = with_value(w, &s.first, "phone", rove__value_text("22"));
    set_edit(&s.held, "points", increments(w, parts, 2));
    name_edit(w, &s.held, &s.edits[0]);
    name_edit(w, &s.held, &s.edits[1]);
    return s;
}

static void counts_once(world *w, size_t history) {
    assert_int_equal(points(w), 8);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 2);
    assert_int_equal(site_conflicts(&w->s, w->account), 0);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    assert_int_equal(memory_headquarters_history(w->s.hq), history);
}

/* Headquarters had parked the edits, for it had refused the record before; what came later than those is not in it. */
static void what_waits_and_is_in_the_record_counts_once(void **state) {
    world *w = *state;
    story s = a_story(w);
    size_t history = memory_headquarters_history(w->s.hq);

    copy_sends(w, s.edits, 2);
    assert_int_equal(memory_headquarters_parked(w->s.hq), 2);
    copy_sends(w, &s.held, 1);
    counts_once(w, history + 1);
    copy_sends(w, &s.later, 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "phone").size, 3);
}

/* It was sent once more with what came later. */
static void of_an_edit_that_the_record_holds_in_part_the_rest_counts(void **state) {
    world *w = *state;
    story s = a_story(w);
    rove_stamp raw = stamp_of(w, &s.edits[1]);
    const rove__increment grown[] = {{raw, 3}, {raw + 1, 4}};

    s.edits[1] = with_value(w, &s.edits[1], "points", increments(w, grown, 2));
    copy_sends(w, &s.edits[1], 1);
    copy_sends(w, &s.held, 1);
    assert_int_equal(points(w), 12);
}

static void what_is_in_the_record_and_comes_by_itself_counts_once(void **state) {
    world *w = *state;
    story s = a_story(w);
    size_t history = memory_headquarters_history(w->s.hq);

    copy_sends(w, &s.held, 1);
    copy_sends(w, s.edits, 2);
    counts_once(w, history + 1);
}

/* It was accepted after all, and its edits with it. */
static void a_record_that_comes_again_with_what_was_taken_is_known(void **state) {
    world *w = *state;
    story s = a_story(w);

    copy_sends(w, &s.first, 1);
    copy_sends(w, s.edits, 2);
    size_t history = memory_headquarters_history(w->s.hq);
    copy_sends(w, &s.held, 1);
    counts_once(w, history);
}

/* A delete is no edit that it holds. */
static void what_waits_to_be_deleted_is_deleted(void **state) {
    world *w = *state;
    story s = a_story(w);
    rove__hq_row row;

    copy_sends(w, &s.gone, 1);
    copy_sends(w, &s.held, 1);
    assert_true(site_get(&w->s, "Account", w->account, &row) && row.dead != 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_start_tried, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_increment_counts_once_and_what_it_grew_by),
        CASE(an_increment_that_was_smaller_takes_nothing_back),
        CASE(a_new_record_of_before_its_counter_grew_takes_nothing_back),
        CASE(increments_of_new_records_that_cannot_be_compared_are_added),
        CASE(increments_that_cannot_be_compared_are_added),
        CASE(increments_that_cannot_be_read_are_looked_at_alone),
        CASE(what_a_copy_sent_first_counts_once),
        CASE(acts_on_a_set_count_once_each),
        CASE(of_a_new_visit_what_was_signed_stands),
        CASE(a_seal_with_unknown_fields_that_are_known_is_a_seal),
        CASE(a_seal_with_people_that_comes_again_is_known),
        CASE(an_emptied_set_that_comes_again_is_known),
        CASE(people_that_came_by_themselves_before_are_as_signed),
        CASE(acts_that_come_after_the_seal_count_by_what_they_change),
        CASE(a_set_that_an_older_build_does_not_send_stays),
        CASE(a_new_visit_that_a_copy_sealed_has_the_people_signed),
        CASE(a_register_is_known_by_field_stamp_and_value),
        CASE(unknown_fields_are_known_again),
        CASE(a_delete_is_known_by_its_stamp),
        CASE(a_copys_delete_counts),
        CASE(what_a_copy_changed_in_a_new_record_is_an_edit),
        CASE(a_new_record_that_comes_again_is_known),
        CASE(a_new_visit_that_a_copy_sealed_is_sealed),
        CASE(what_waits_and_is_in_the_record_counts_once),
        CASE(of_an_edit_that_the_record_holds_in_part_the_rest_counts),
        CASE(what_is_in_the_record_and_comes_by_itself_counts_once),
        CASE(a_record_that_comes_again_with_what_was_taken_is_known),
        CASE(what_waits_to_be_deleted_is_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
