/*
 * Where a record belongs decides who may write it (P14), and what a delete has to have seen (P12): children with the scope of their
 * parent, records that move, roles, names.
 *
 * No entity has the scope of its parent yet (docs/data-model.md): here a contact's numbers have.
 */
#include "site_rep.h"
#include "two_reps.h"

#define BEFORE 50u /* a number that Anna's device had once */

static rove_id contact;    /* both hold it */
static rove_id role_there; /* at the account that both hold */

/* Sends what is noted as it stands; the rep hears nothing of the answer. */
static void push(rep *r, rep_outcome *outcome) {
    raw_request *q = raw_open(r);

    rep_freeze(r);
    raw_hello(q, NULL);
    raw_push(q, &r->batches[0]);
    raw_end(q);
    raw_answer(q, 0, outcome);
    assert_int_equal(outcome->failed, ROVE_OK);
    assert_int_equal(outcome->acks, 1);
    r->acked = r->batches[0].number;
    assert_int_equal(rove__exchange_chain(&r->s->crypto, &r->batches[0].previous,
                                          &r->batches[0].hash, &r->chain),
                     ROVE_OK);
    r->batch_count = 0;
}

static rove__row *a_role(world *w, rove_id account) {
    rove__row *role = site_row(&w->s, "AccountContactRole", rep_id(&w->anna));

    site_int(role, "account_id", account);
    site_int(role, "contact_id", contact);
    return role;
}

static int setup(void **state) {
    int result = world_start_tried(state);
    world *w = *state;
    rove__row *row = site_row(&w->s, "Contact", rep_id(&w->anna));

    contact = row->id;
    site_text(row, "last_name", "Stein");
    rep_insert(&w->anna, row);
    rove__row *role = a_role(w, w->account);
    role_there = role->id;
    rep_insert(&w->anna, role);
    both_agree(w);
    const rove__entity *number = rove__registry_by_name(w->s.registry, "ContactMethod");
    ((rove__entity *)(uintptr_t)number)->scope = ROVE_SCOPE_PARENT;
    return result;
}

static rove__row *a_number(world *w, rep *r, rove_id of) {
    rove__row *number = site_row(&w->s, "ContactMethod", rep_id(r));

    site_int(number, "contact_id", of);
    site_int(number, "kind", 1);
    site_text(number, "value", "555-0100");
    return number;
}

static int is_dead(world *w, const char *entity, rove_id id) {
    rove__hq_row row;

    return !site_get(&w->s, entity, id, &row) || row.dead != 0;
}

static void move(world *w, rove_id visit, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", visit);

    site_int(row, "account_id", account);
    site_update(&w->s, row);
}

/* ---- children --------------------------------------------------------------------------------------------- */

static void a_delete_covers_the_children_that_its_author_knew(void **state) {
    (void)state;
    for (int seen = 0; seen < 2; seen++) {
        void *fresh = NULL;
        rep_outcome outcome;
        assert_int_equal(setup(&fresh), 0);
        world *w = fresh;
        rep *maker = seen ? &w->ben : &w->anna;
        rep_insert(maker, a_number(w, maker, contact)); /* his, which she has seen; or her own */
        push(maker, &outcome);
        if (seen) {
            w->anna.cursor.seq = memory_headquarters_head(w->s.hq);
        }
        rep_delete(&w->anna, "Contact", contact);
        push(&w->anna, &outcome);
        assert_int_equal(outcome.verdict_count, 0);
        assert_true(is_dead(w, "Contact", contact));
        assert_int_equal(world_end(&fresh), 0);
    }
}

static void what_has_no_such_children_is_deleted(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rep_outcome outcome;

    rep_insert(&w->ben, a_number(w, &w->ben, contact));
    push(&w->ben, &outcome);
    rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
    push(&w->anna, &outcome);
    site_delete(&w->s, "Visit", visit);
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    site_int(row, "account_id", w->account);
    rep_insert(&w->anna, row);
    rep_delete(&w->anna, "Visit", row->id);
    push(&w->anna, &outcome);
    assert_true(is_dead(w, "Visit", row->id));
}

static void a_child_of_nobody_is_looked_at(void **state) {
    world *w = *state;
    rove__row *number = a_number(w, &w->anna, rove__id_make(ANNAS, 4711));
    rep_outcome outcome;

    rep_insert(&w->anna, number);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
}

static void a_child_is_written_by_who_holds_its_parent(void **state) {
    world *w = *state;
    rove__row *number = a_number(w, &w->ben, contact);
    rep_outcome outcome;

    rep_insert(&w->ben, number);
    rove__change edit =
        *rep_update(&w->ben, "ContactMethod", number->id, "preferred", rove__value_int(1));
    w->ben.change_count = 1;
    push(&w->ben, &outcome);
    (void)rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("1"));
    edit.replica = ANNAS;
    w->anna.changes[0] = edit;
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    assert_int_equal(site_cell(&w->s, "ContactMethod", number->id, "preferred").as.integer, 1);
}

/* ---- who may ---------------------------------------------------------------------------------------------- */

/* She held where it was when she wrote; or, having lost that, wrote after that. */
static void of_a_record_that_moved_away_it_counts_where_it_was(void **state) {
    world *w = *state;
    rove_id others[] = {site_account(&w->s, "not hers"), site_account(&w->s, "not hers either")};

    for (int held = 1; held >= 0; held--) {
        rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
        rep_outcome outcome;
        rep_settle(&w->anna);
        rove__change *edit =
            rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("hers"));
        if (!held) {
            site_revoke(&w->s, ANNA, w->account);
            edit->cursor.seq = memory_headquarters_head(w->s.hq);
        }
        move(w, visit, others[0]);
        move(w, visit, others[1]);
        push(&w->anna, &outcome);
        assert_int_equal(memory_headquarters_reviews(w->s.hq), !held);
        assert_int_equal(site_cell(&w->s, "Visit", visit, "notes").type,
                         held ? ROVE_TEXT : ROVE_NULL);
    }
}

/* What she held before counts, whatever else the batch ended. */
static void a_role_that_ends_takes_nothing_of_what_was_before(void **state) {
    world *w = *state;
    rove_id visit = site_visit(&w->s, w->account, SITE_NOW);
    rep_outcome outcome;

    rep_settle(&w->anna);
    rep_delete(&w->anna, "AccountContactRole", role_there);
    (void)rep_update(&w->anna, "Visit", visit, "notes", rove__value_text("hers"));
    move(w, visit, site_account(&w->s, "not hers"));
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    assert_int_equal(site_cell(&w->s, "Visit", visit, "notes").type, ROVE_TEXT);
    assert_true(is_dead(w, "AccountContactRole", role_there));
}

static void a_role_may_be_there_twice(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_insert(&w->anna, a_role(w, w->account));
    rep_insert(&w->anna, a_role(w, w->account));
    (void)rep_update(&w->anna, "AccountContactRole", role_there, "role", rove__value_text("cook"));
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    rep_settle(&w->anna);
    rep_delete(&w->anna, "AccountContactRole", role_there);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    both_agree(w);
    assert_non_null(rep_find(&w->anna, "Contact", contact));
    assert_non_null(rep_find(&w->ben, "Contact", contact));
}

static void a_role_at_anothers_account_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;

    rep_insert(&w->anna, a_role(w, site_account(&w->s, "not hers")));
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
}

/* She had the contact with an account that passed to Ben: by a role at another one of hers it would be hers again. */
static void a_role_of_a_contact_held_once_is_looked_at(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "hers");
    rep_outcome outcome;

    site_grant(&w->s, ANNA, other);
    rep_settle(&w->anna);
    rep_insert(&w->anna, a_role(w, other));
    site_revoke(&w->s, ANNA, w->account);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    rep_settle(&w->anna);
    assert_null(rep_find(&w->anna, "Contact", contact));
    assert_int_equal(site_decide(&w->s, 1, 1, "", NULL), ROVE_OK);
    rep_settle(&w->anna);
    assert_non_null(rep_find(&w->anna, "Contact", contact));
}

/* The role that ends is judged first, and with it she held the contact. */
static void a_contact_goes_from_one_account_to_another(void **state) {
    world *w = *state;
    rove_id other = site_account(&w->s, "hers too");
    rep_outcome outcome;

    site_grant(&w->s, ANNA, other);
    rep_settle(&w->anna);
    rep_delete(&w->anna, "AccountContactRole", role_there);
    rep_insert(&w->anna, a_role(w, other));
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    rep_settle(&w->anna);
    assert_non_null(rep_find(&w->anna, "Contact", contact));
    rep_settle(&w->ben);
    assert_null(rep_find(&w->ben, "Contact", contact));
}

/* ---- names ------------------------------------------------------------------------------------------------ */

/* What she did under the number before may bear a name that she gave with this one. */
static void a_device_names_its_own_of_any_time(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    number_was(w, ANNAS, BEFORE);
    site_int(row, "account_id", w->account);
    rove__change *change = rep_insert(&w->anna, row);
    change->replica = change->clock.origin.replica = change->clock.base.replica = BEFORE;
    push(&w->anna, &outcome);
    assert_int_equal(outcome.renames, 0);
    assert_false(is_dead(w, "Visit", row->id));
}

static void an_origin_that_is_here_is_of_no_other_entity(void **state) {
    world *w = *state;
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->anna));
    rep_outcome outcome;

    site_int(row, "account_id", w->account);
    rep_insert(&w->anna, row)->clock.origin = rep_find(&w->anna, "Contact", contact)->clock.origin;
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(outcome.verdicts[0].status, ROVE_EXISTS);
    assert_true(is_dead(w, "Visit", row->id));
}

/* A scope would mean two things. */
static void two_roots_under_one_id_do_not_go_together(void **state) {
    world *w = *state;
    rove_id id = rep_id(&w->anna);
    rove__row *account = site_row(&w->s, "Account", id);
    rove__row *person = site_row(&w->s, "Contact", id);
    rep_outcome outcome;

    site_text(account, "name", "one");
    site_text(person, "last_name", "two");
    rep_insert(&w->anna, account);
    rep_insert(&w->anna, person);
    push(&w->anna, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REJECTED);
    assert_int_equal(outcome.verdicts[0].status, ROVE_EXISTS);
    assert_int_equal(is_dead(w, "Account", id) + is_dead(w, "Contact", id), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delete_covers_the_children_that_its_author_knew),
        CASE(what_has_no_such_children_is_deleted),
        CASE(a_child_of_nobody_is_looked_at),
        CASE(a_child_is_written_by_who_holds_its_parent),
        CASE(of_a_record_that_moved_away_it_counts_where_it_was),
        CASE(a_role_that_ends_takes_nothing_of_what_was_before),
        CASE(a_role_may_be_there_twice),
        CASE(a_role_at_anothers_account_is_looked_at),
        CASE(a_role_of_a_contact_held_once_is_looked_at),
        CASE(a_contact_goes_from_one_account_to_another),
        CASE(a_device_names_its_own_of_any_time),
        CASE(an_origin_that_is_here_is_of_no_other_entity),
        CASE(two_roots_under_one_id_do_not_go_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
