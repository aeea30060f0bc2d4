/*
 * How often the history of a record is read (P3, P6): once for a batch, however much of the batch is about that record, and however much
 * there is already. The same of the timelines that its cursors name (T1).
 */
#include <string.h>

#include "given_back.h"
#include "long_batch.h"
#include "two_reps.h"

#include "sync/judge_state.h"

#define FORMER 300u /* the number that Anna's device had before */
#define MANY   40u
#define FIELD  900u /* one that this build does not know */

/* ---- words ------------------------------------------------------------------------------------------------ */

static struct {
    rove__hq_store store;
    const rove__hq_store *real;
    size_t whole, at_seq; /* scans of a history: of all of it, of one transaction's */
    size_t times;         /* each entry comes so often */
    size_t grants, edges; /* scans of grants, entailments that scans gave */
    rove_status (*each_edge)(void *, const rove__hq_entailment *);
    size_t timelines; /* looked up */
    rove_status (*each)(void *, const rove__hq_history *);
    void *ctx;
    heap *fails; /* the allocation after much went into the history; NULL: none does */
} counted;

static rove_status each_time(void *ctx, const rove__hq_history *history) {
    rove_status status = ROVE_OK;

    (void)ctx;
    for (size_t i = 0; i < counted.times && status == ROVE_OK; i++) {
        status = counted.each(counted.ctx, history);
    }
    return status;
}

static rove_status count_scans(rove__hq_tx *tx, uint32_t entity, rove_id id, uint64_t seq,
                               rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_history *), void *ctx) {
    counted.whole += seq == 0;
    counted.at_seq += seq != 0;
    counted.each = each;
    counted.ctx = ctx;
    return counted.real->history_scan(tx, entity, id, seq, arena, each_time, NULL);
}

static rove_status count_grants(rove__hq_tx *tx, rove_id user, rove_id root,
                                rove_status (*each)(void *, const rove__hq_grant *), void *ctx) {
    counted.grants++;
    return counted.real->grant_scan(tx, user, root, each, ctx);
}

static rove_status count_edge(void *ctx, const rove__hq_entailment *e) {
    counted.edges++;
    return counted.each_edge(ctx, e);
}

static rove_status count_edges(rove__hq_tx *tx, rove_id holder, rove_id entailed,
                               rove_status (*each)(void *, const rove__hq_entailment *),
                               void *ctx) {
    counted.each_edge = each;
    return counted.real->entailment_scan(tx, holder, entailed, count_edge, ctx);
}

static rove_status count_timelines(rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out) {
    counted.timelines++;
    return counted.real->timeline_get(tx, timeline, out);
}

static rove_status put_and_fail(rove__hq_tx *tx, const rove__hq_history *history) {
    rove_status status = counted.real->history_put(tx, history);

    if (counted.fails != NULL && history->change.size > ROVE_BATCH_MAX / 2) {
        counted.fails->fail_at = counted.fails->calls + 1;
        counted.fails = NULL;
    }
    return status;
}

/* Anna's device had another number; what is read at headquarters from now on is counted. */
static int setup(void **state) {
    int result = world_start(state);
    world *w = *state;

    number_was(w, ANNAS, FORMER);
    memset(&counted, 0, sizeof counted);
    counted.real = w->s.ports.store;
    counted.store = *counted.real;
    counted.store.history_scan = count_scans;
    counted.store.history_put = put_and_fail;
    counted.store.timeline_get = count_timelines;
    counted.store.grant_scan = count_grants;
    counted.store.entailment_scan = count_edges;
    counted.fails = NULL;
    counted.times = 1;
    w->s.ports.store = &counted.store;
    w->s.now_ms += 60000;
    return result;
}

/* Anna's edits, noted and not sent; kept to be noted again, under the number before. */
static rove__change *noted(world *w) {
    rove__change *changes = rove__arena_copy(&w->s.arena, w->anna.changes,
                                             w->anna.change_count * sizeof *w->anna.changes);

    assert_non_null(changes);
    return changes;
}

static void under_former_number(world *w) {
    for (size_t i = 0; i < w->anna.change_count; i++) {
        w->anna.changes[i].replica = FORMER;
    }
}

static void sends(world *w, rep_outcome *outcome) {
    rep_exchange(&w->anna, outcome);
    assert_int_equal(outcome->failed, ROVE_OK);
    assert_int_equal(outcome->acks, 1);
}

static void notes_many(world *w) {
    for (size_t i = 0; i < MANY; i++) {
        char phone[3] = {(char)('0' + i / 10), (char)('0' + i % 10), '\0'};
        rep_update(&w->anna, "Account", w->account, "phone", rove__value_text(phone));
        rep_count(&w->anna, "Account", w->account, "points", 1);
    }
}

/* ---- what came before -------------------------------------------------------------------------------------- */

static void work_that_comes_again_reads_the_history_once(void **state) {
    world *w = *state;
    rep_outcome outcome;

    notes_many(w);
    under_former_number(w);
    size_t count = w->anna.change_count;
    rove__change *changes = noted(w);
    sends(w, &outcome);
    assert_int_equal(counted.whole, 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, MANY);
    /* All of it once more, with one that is new in the middle. */
    size_t history = memory_headquarters_history(w->s.hq);
    for (size_t i = 0; i < count; i++) {
        if (i == count / 2) {
            rep_count(&w->anna, "Account", w->account, "points", 1)->replica = FORMER;
        }
        w->anna.changes[w->anna.change_count++] = changes[i];
    }
    counted.whole = 0;
    push(w, 2 * MANY, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(counted.whole, 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, MANY + 1);
    assert_int_equal(memory_headquarters_history(w->s.hq), history + 1);
}

static void notes_long(world *w) {
    uint64_t random = 1;
    rove__change first = *rep_count(&w->anna, "Account", w->account, "points", 5);
    for (size_t i = 0; i < 6; i++) {
        (void)large_edit(w, FIELD, 60000, &random);
    }
    w->anna.changes[w->anna.change_count++] = first;
    under_former_number(w);
}

/* A batch longer than one entry of the history: what it says first is there when it says it again. */
static void what_a_long_batch_says_twice_counts_once(void **state) {
    world *w = *state;
    rep_outcome outcome;

    notes_long(w);
    push(w, 3, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, 5);
    assert_int_equal(counted.whole, 1);
}

/* Were it judged on, what it says again would count again. */
static void a_long_batch_of_which_too_little_is_known_is_not_judged(void **state) {
    world *w = *state;
    rep_outcome outcome;

    notes_long(w);
    counted.fails = &w->s.h;
    push(w, 3, &outcome);
    assert_int_equal(outcome.acks, 0);
    assert_true(site_cell(&w->s, "Account", w->account, "points").type == ROVE_NULL);
}

/* Whether it came before cannot be told: an operator looks at it, and cannot accept it as it is either. */
static void what_a_history_without_end_may_have_is_looked_at(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_error error = {.message = ""};

    notes_many(w);
    sends(w, &outcome);
    rep_settle(&w->anna);
    counted.times = ROVE_JUDGE_FACTS_MAX / MANY;
    rep_count(&w->anna, "Account", w->account, "points", 1);
    under_former_number(w);
    sends(w, &outcome);
    assert_int_equal(outcome.verdict_count, 1);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 1);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, MANY);
    assert_int_equal(site_decide(&w->s, 1, 1, "", &error), ROVE_STATE);
    assert_non_null(strstr(error.message, "longer history"));
    counted.times = 1;
    assert_int_equal(site_decide(&w->s, 1, 1, "", &error), ROVE_OK);
    assert_int_equal(site_cell(&w->s, "Account", w->account, "points").as.integer, MANY + 1);
}

/* ---- who wrote what stood ---------------------------------------------------------------------------------- */

static void many_conflicts_with_one_write_look_it_up_once(void **state) {
    world *w = *state;
    rep_outcome outcome;

    for (size_t i = 0; i < MANY; i++) {
        rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("Anna's"));
    }
    w->s.now_ms += 60000;
    int64_t raw = rove__stamp_ms(
        rep_update(&w->ben, "Account", w->account, "phone", rove__value_text("Ben's"))
            ->edits[0]
            .raw);
    rep_settle(&w->ben);
    counted.at_seq = 0;
    sends(w, &outcome);
    assert_int_equal(counted.at_seq, 1);
    assert_int_equal(site_conflicts(&w->s, w->account), MANY);
    for (size_t i = 0; i < MANY; i++) {
        rove_id conflict = site_conflict(&w->s, w->account, i);
        assert_int_equal(site_cell(&w->s, "Conflict", conflict, "kept_raw_at").as.integer, raw);
    }
}

/*
 * Each edit of a batch meets the one before, under two numbers of her device in turn. Of what went into the history before the batch is
 * at its end it is known when her clock said that it was; of the first four, when they are met, not yet. Two meet what stood before.
 */
static void what_the_batch_itself_put_there_is_known_too(void **state) {
    world *w = *state;
    rep_outcome outcome;
    uint64_t random = 1;
    size_t count = 12;
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        rove__change *change = large_edit(w, FIELD, 60000, &random);
        change->replica = i % 2 == 0 ? FORMER : ANNAS;
        change->edits[0].base = change->edits[1].base = (rove__version){1, 1};
    }
    push(w, 3, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(counted.at_seq, 3);
    assert_int_equal(site_conflicts(&w->s, w->account), count + 1);
    for (size_t i = 0; i < count + 1; i++) {
        rove_id conflict = site_conflict(&w->s, w->account, i);
        rove_value lost = site_cell(&w->s, "Conflict", conflict, "lost_raw_at");
        known += lost.type == ROVE_INT && lost.as.integer == w->s.now_ms;
    }
    assert_int_equal(known, count + 1 - 2 - 4);
}

/* ---- cursors ----------------------------------------------------------------------------------------------- */

/* Headquarters was started again so often; its timelines are 2 and up. */
static void is_started_again(world *w, size_t times) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->head_get(tx, &head), ROVE_OK);
    for (size_t i = 0; i < times; i++) {
        rove__hq_timeline line = {head.timeline + 1, head.timeline, head.seq};
        assert_int_equal(w->s.store->timeline_put(tx, &line), ROVE_OK);
        head.timeline++;
    }
    assert_int_equal(w->s.store->head_put(tx, &head), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

/* In turn one of each timeline that headquarters had, and one that nobody knows. Then her own, of the oldest, is looked up as well. */
static void cursors_of_many_timelines_look_each_up_once(void **state) {
    world *w = *state;
    rep_outcome outcome;

    is_started_again(w, MANY);
    notes_many(w);
    for (size_t i = 0; i < w->anna.change_count; i++) {
        w->anna.changes[i].cursor =
            (rove__cursor){i % 2 == 0 ? 1 + i / 2 : 1000 + i, w->anna.cursor.seq - i % 3};
    }
    push(w, 2 * MANY, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.acks, 1);
    assert_int_equal(counted.timelines, 2 * (MANY + 1));
}

/* ---- roles ------------------------------------------------------------------------------------------------- */

static rove_id new_record(world *w, const char *entity, const char *column) {
    rove__row *row = site_row(&w->s, entity, rep_id(&w->anna));

    site_text(row, column, "new");
    rep_insert(&w->anna, row);
    return row->id;
}

static void has_role(world *w, rove_id id, rove_id account, rove_id contact) {
    rove__row *role = site_row(&w->s, "AccountContactRole", id);

    site_int(role, "account_id", account);
    site_int(role, "contact_id", contact);
    rep_insert(&w->anna, role);
}

/* All is taken, and for each of so many roles what is read is no more than for the others. */
static void sends_roles(world *w, size_t roles) {
    rep_outcome outcome;

    counted.grants = counted.edges = 0;
    sends(w, &outcome);
    assert_int_equal(outcome.verdict_count, 0);
    assert_true(counted.grants < 5 * roles);
    assert_true(counted.edges < 3 * roles);
}

static void the_same_role_many_times_costs_the_same_each_time(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id contact = new_record(w, "Contact", "last_name");

    sends(w, &outcome);
    rep_settle(&w->anna);
    for (size_t i = 0; i < MANY; i++) {
        has_role(w, rep_id(&w->anna), w->account, contact);
    }
    sends_roles(w, MANY);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* More accounts than the judge remembers; the contact is asked for with each. */
static void a_contact_of_very_many_accounts_is_not_forgotten(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id accounts[10 * MANY];
    size_t count = sizeof accounts / sizeof accounts[0];

    for (size_t i = 0; i < count; i++) {
        accounts[i] = new_record(w, "Account", "name");
    }
    rove_id contact = new_record(w, "Contact", "last_name");
    sends(w, &outcome);
    rep_settle(&w->anna);
    for (size_t i = 0; i < count; i++) {
        has_role(w, rep_id(&w->anna), accounts[i], contact);
    }
    sends_roles(w, count);
}

/* The contact comes with them. */
static void a_new_contact_of_many_accounts_costs_the_same_for_each(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id accounts[MANY];

    for (size_t i = 0; i < MANY; i++) {
        accounts[i] = new_record(w, "Account", "name");
    }
    sends(w, &outcome);
    rep_settle(&w->anna);
    rove_id contact = new_record(w, "Contact", "last_name");
    for (size_t i = 0; i < MANY; i++) {
        has_role(w, rep_id(&w->anna), accounts[i], contact);
    }
    sends_roles(w, MANY);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* In turn, as ids ascend. */
static void roles_that_end_and_begin_cost_the_same_each_time(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id accounts[MANY];
    rove_id roles[2 * MANY];

    for (size_t i = 0; i < MANY; i++) {
        accounts[i] = new_record(w, "Account", "name");
    }
    rove_id contact = new_record(w, "Contact", "last_name");
    sends(w, &outcome);
    rep_settle(&w->anna);
    for (size_t i = 0; i < 2 * MANY; i++) {
        roles[i] = rep_id(&w->anna);
    }
    for (size_t i = 0; i < MANY; i++) {
        has_role(w, roles[2 * i], accounts[i], contact);
    }
    sends(w, &outcome);
    rep_settle(&w->anna);
    for (size_t i = 0; i < MANY; i++) {
        rep_delete(&w->anna, "AccountContactRole", roles[2 * i]);
        has_role(w, roles[2 * i + 1], accounts[i], contact);
    }
    sends_roles(w, 2 * MANY);
    rep_settle(&w->anna);
    rep_check(&w->anna);
}

/* As roles come in turn. */
static void roles_of_several_contacts_cost_the_same_each_time(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove_id contacts[30];
    size_t count = sizeof contacts / sizeof contacts[0];

    for (size_t i = 0; i < count; i++) {
        contacts[i] = new_record(w, "Contact", "last_name");
    }
    sends(w, &outcome);
    rep_settle(&w->anna);
    for (size_t i = 0; i < count * MANY; i++) {
        has_role(w, rep_id(&w->anna), w->account, contacts[i % count]);
    }
    sends_roles(w, count * MANY);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, world_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(work_that_comes_again_reads_the_history_once),
        CASE(what_a_long_batch_says_twice_counts_once),
        CASE(a_long_batch_of_which_too_little_is_known_is_not_judged),
        CASE(what_a_history_without_end_may_have_is_looked_at),
        CASE(many_conflicts_with_one_write_look_it_up_once),
        CASE(what_the_batch_itself_put_there_is_known_too),
        CASE(cursors_of_many_timelines_look_each_up_once),
        CASE(the_same_role_many_times_costs_the_same_each_time),
        CASE(a_contact_of_very_many_accounts_is_not_forgotten),
        CASE(a_new_contact_of_many_accounts_costs_the_same_for_each),
        CASE(roles_that_end_and_begin_cost_the_same_each_time),
        CASE(roles_of_several_contacts_cost_the_same_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
