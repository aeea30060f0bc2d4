/*
 * test_servers.c - the rules that need several servers on one database (P1, P2, P14, P16, Q1, Q8 of docs/protocol.md), over a fake of
 * PostgreSQL (tests/sim/mvcc.h). Where it says "at once", every order of what servers do to the database is tried, or of many
 * servers those with a few turns between them, and each committed state on the way is looked at.
 */
#include "base/planted.h"
#include "memory_tables.h"
#include "mvcc_schedules.h"
#include "site.h"
#include "teeth.h"

#include "rove/entities.pb-c.h"

#define ANNA    INT64_C(0x7000000001)
#define BEN     INT64_C(0x7000000002)
#define DAY     INT64_C(86400000)
#define SERVERS 3
#ifdef __SANITIZE_ADDRESS__ /* each schedule is a process, which costs 20 times as much there */
#define ALL 2
#else
#define ALL CREW_TURNS_MAX /* turns: more than there are steps */
#endif

typedef struct world {
    site s; /* at the first server */
    site at[SERVERS];
    mvcc *db;
    mvcc_server *servers[SERVERS];
    rep anna;
    rep ben;
    rove_id account; /* both hold it */
    rove_id other;   /* both hold it */
    crew fibers;
    rep_outcome outcomes[SERVERS]; /* of what each server was last asked */
    void (*asks)(struct world *w); /* adds the members */
    void (*expects)(struct world *w);
    int blind;               /* nobody looks: what users see has to tell */
    const tables *looked_at; /* the committed state seen last */
    uint64_t head;           /* in it, and so much of the feed up to it */
    size_t feed;
    size_t calls; /* of any store; the one at which something happens */
    size_t due;
    mvcc_fate fate;
    int of_any;   /* of any call, not only of COMMIT */
    rep twins[2]; /* anna's device, as it sends one request twice */
    rove_id hers; /* only anna holds it */
} world;

/* ---- what holds of every committed state ------------------------------------------------------------------ */

/* A device's stamps go on from batch to batch, and nothing is taken of one that was revoked. */
static void look_at_devices(const tables *before, const tables *now) {
    for (size_t i = 0; i < now->table[DEVICES].count; i++) {
        const rove__hq_device *old = at(&before->table[DEVICES], i);
        const rove__hq_device *device = at(&now->table[DEVICES], i);
        assert_int_equal(old->replica, device->replica);
        assert_true(device->last_batch >= old->last_batch);
        assert_true(old->status == ROVE_DEVICE_ACTIVE || old->last_batch == device->last_batch);
        assert_true(device->last_batch == old->last_batch || device->last_stamp > old->last_stamp);
    }
}

/* Seqs have no gap and are of one commit each, the clock does not run back, and nothing comes behind a head that was seen. */
static void look(void *ctx) {
    world *w = ctx;
    const tables *now = w->s.hq->now;
    size_t behind = 0;
    rove_stamp stamp = 0;

    if (now == w->looked_at || w->blind) {
        return;
    }
    assert_int_equal(now->table[COMMITS].count, now->head.seq);
    for (size_t i = 0; i < now->table[COMMITS].count; i++) {
        const rove__hq_commit *commit = at(&now->table[COMMITS], i);
        assert_int_equal(commit->seq, i + 1);
        assert_true(commit->stamp >= stamp);
        stamp = commit->stamp;
    }
    for (size_t i = 0; i < now->table[FEED].count; i++) {
        const feed_item *entry = at(&now->table[FEED], i);
        assert_true(entry->seq <= now->head.seq);
        behind += entry->seq <= w->head;
    }
    if (w->looked_at != NULL) {
        assert_int_equal(behind, w->feed);
        look_at_devices(w->looked_at, now);
    }
    w->looked_at = now;
    w->head = now->head.seq;
    w->feed = now->table[FEED].count;
}

/* ---- the world -------------------------------------------------------------------------------------------- */

static void hook(void *ctx, const mvcc_server *server) {
    world *w = ctx;

    crew_yield(&w->fibers, server);
}

static mvcc_fate fate(void *ctx, const mvcc_server *server, int commits) {
    world *w = ctx;

    if (server != w->servers[0] || (w->fate != MVCC_GOES_ON && !commits && !w->of_any)) {
        return MVCC_GOES_ON;
    }
    if (++w->calls != w->due) {
        return MVCC_GOES_ON;
    }
    if (w->fate == MVCC_GOES_ON) {
        mvcc_server_kill(w->servers[0]);
        return MVCC_LOST;
    }
    return w->fate;
}

static int set_up(void **state) {
    world *w = test_calloc(1, sizeof *w);
    mvcc_hooks hooks = {hook, fate, w};

    site_open(&w->s);
    w->db = mvcc_new(w->s.hq);
    mvcc_set_hooks(w->db, &hooks);
    for (size_t i = 0; i < SERVERS; i++) {
        w->servers[i] = mvcc_server_open(w->db, 0);
    }
    w->s.store = w->s.ports.store = mvcc_server_store(w->servers[0]);
    for (size_t i = 0; i < SERVERS; i++) {
        w->at[i] = w->s;
        rove__arena_init(&w->at[i].arena, &w->s.allocator, (size_t)1 << 28);
        w->at[i].store = w->at[i].ports.store = mvcc_server_store(w->servers[i]);
    }
    rep_open(&w->anna, &w->s, 100, ANNA);
    rep_open(&w->ben, &w->s, 200, BEN);
    w->account = site_account(&w->s, "Hotel Adler");
    w->other = site_account(&w->s, "Hotel Bock");
    for (int i = 0; i < 2; i++) {
        site_grant(&w->s, i == 0 ? ANNA : BEN, w->account);
        site_grant(&w->s, i == 0 ? ANNA : BEN, w->other);
    }
    rep_settle(&w->anna);
    rep_settle(&w->ben);
    w->fibers.watch = look;
    w->fibers.watch_ctx = w;
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    w->anna.s = w->ben.s = &w->s;
    rep_close(&w->anna);
    rep_close(&w->ben);
    for (size_t i = 0; i < SERVERS; i++) {
        rove__arena_free(&w->at[i].arena);
    }
    mvcc_free(w->db);
    site_close(&w->s);
    test_free(w);
    return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static rove_id plans_visit(world *w, rep *r, rove_id account) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(r));

    site_int(row, "account_id", account);
    site_int(row, "planned_start", w->s.now_ms + DAY);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    rep_insert(r, row);
    return row->id;
}

static int64_t points(world *w) {
    rove_value value = site_cell(&w->s, "Account", w->account, "points");

    return value.type == ROVE_INT ? value.as.integer : 0;
}

static void anna_exchanges(void *ctx) {
    world *w = ctx;

    rep_exchange(&w->anna, &w->outcomes[0]);
}

static void ben_exchanges(void *ctx) {
    world *w = ctx;

    rep_exchange(&w->ben, &w->outcomes[1]);
}

/* Each speaks to a server of his own. */
static void anna_and_ben_exchange(world *w) {
    w->anna.s = &w->at[0];
    w->ben.s = &w->at[1];
    crew_add(&w->fibers, w->servers[0], anna_exchanges, w);
    crew_add(&w->fibers, w->servers[1], ben_exchanges, w);
}

/* What both have in the end is what headquarters has, and no digest had to say so. */
static void both_agree(world *w) {
    size_t repairs = w->anna.repairs + w->ben.repairs;

    for (int i = 0; i < 2; i++) {
        rep_settle(&w->anna);
        rep_settle(&w->ben);
    }
    assert_int_equal(w->anna.repairs + w->ben.repairs, repairs);
    rep_check(&w->anna);
    rep_check(&w->ben);
}

static void run_schedule(void *ctx, size_t first, const crew_turn *turns, size_t count,
                         schedule_trace *trace) {
    world *w = ctx;

    w->asks(w);
    assert_true(crew_run(&w->fibers, first, turns, count));
    trace->steps = w->fibers.steps;
    memcpy(trace->able, w->fibers.able, sizeof trace->able);
    trace->counts = mvcc_count(w->db);
    look(w);
    w->expects(w);
    look(w);
}

static void at_once(world *w, size_t members, size_t turns, void (*asks)(world *),
                    void (*expects)(world *)) {
    schedules s = {.members = members, .turns_max = turns, .run = run_schedule, .ctx = w};

    w->asks = asks;
    w->expects = expects;
    if (!schedules_try(&s)) {
        fail_msg("a schedule went wrong: %s", s.failed);
    }
    print_message("%zu schedules of up to %zu calls, %u waits\n", s.runs, s.longest,
                  (unsigned)s.waits);
    assert_int_equal(s.deadlocks, 0);
}

/* ---- P16 -------------------------------------------------------------------------------------------------- */

static void nothing_is_lost(world *w) {
    assert_int_equal(points(w), 3);
    both_agree(w);
    assert_int_equal(points(w), 3);
    assert_int_equal(site_conflicts(&w->s, w->account), 1);
    assert_non_null(rep_find(&w->anna, "Visit", rove__id_make(200, 1)));
    assert_non_null(rep_find(&w->ben, "Visit", rove__id_make(100, 1)));
}

static void p16_two_servers_judge_the_same_rows_at_once(void **state) {
    world *w = *state;

    for (int i = 0; i < 2; i++) {
        rep *r = i == 0 ? &w->anna : &w->ben;
        rep_count(r, "Account", w->account, "points", i + 1);
        rep_update(r, "Account", w->other, "description", rove__value_text(i == 0 ? "a" : "bb"));
        plans_visit(w, r, w->account);
    }
    rep_update(&w->anna, "Account", w->account, "website", rove__value_text("hers"));
    rep_update(&w->ben, "Account", w->account, "website", rove__value_text("his"));
    at_once(w, 2, ALL, anna_and_ben_exchange, nothing_is_lost);
}

/* ---- one device at two servers ---------------------------------------------------------------------------- */

static void sends_once_more(world *w, size_t twin) {
    rep *r = &w->twins[twin];
    raw_request *q = raw_open(r);

    raw_hello(q, NULL);
    raw_push(q, &r->batches[0]);
    raw_end(q);
    raw_answer(q, 0, &w->outcomes[twin]);
}

static void first_twin_sends(void *ctx) {
    sends_once_more(ctx, 0);
}

static void second_twin_sends(void *ctx) {
    sends_once_more(ctx, 1);
}

static void one_request_comes_twice(world *w) {
    for (size_t i = 0; i < 2; i++) {
        w->twins[i] = w->anna;
        w->twins[i].s = &w->at[i];
    }
    crew_add(&w->fibers, w->servers[0], first_twin_sends, w);
    crew_add(&w->fibers, w->servers[1], second_twin_sends, w);
}

static void it_counts_once(world *w) {
    assert_int_equal(points(w), 5);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w->outcomes[i].failed, ROVE_OK);
        assert_int_equal(w->outcomes[i].acks, 1);
        assert_false(w->outcomes[i].forked);
    }
    both_agree(w);
    assert_int_equal(points(w), 5);
}

/* A connection that seems dead is not: the device sends again, and another server takes it. */
static void p01_a_batch_that_comes_to_two_servers_at_once_is_judged_once(void **state) {
    world *w = *state;

    rep_count(&w->anna, "Account", w->account, "points", 5);
    rep_freeze(&w->anna);
    at_once(w, 2, ALL, one_request_comes_twice, it_counts_once);
}

static void operator_revokes(void *ctx) {
    world *w = ctx;
    const rove__hq_store *store = w->at[1].store;
    rove__hq_tx *tx = NULL;
    rove__hq_device device;

    assert_int_equal(store->begin(store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(store->device_get(tx, 100, 1, &device), ROVE_OK);
    device.status = ROVE_DEVICE_REVOKED;
    assert_int_equal(store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(store->commit(tx, NULL), ROVE_OK);
}

static void anna_is_revoked(world *w) {
    w->anna.s = &w->at[0];
    crew_add(&w->fibers, w->servers[0], anna_exchanges, w);
    crew_add(&w->fibers, w->servers[1], operator_revokes, w);
}

static void she_stays_revoked(world *w) {
    rep_exchange(&w->anna, &w->outcomes[0]);
    assert_int_equal(w->outcomes[0].failed, ROVE_REVOKED);
}

static void p01_who_is_revoked_meanwhile_is_turned_away(void **state) {
    world *w = *state;

    rep_count(&w->anna, "Account", w->account, "points", 5);
    at_once(w, 2, ALL, anna_is_revoked, she_stays_revoked);
}

/* ---- what becomes of a request whose server does not answer ----------------------------------------------- */

/* One exchange at the first server, which fails at its nth commit, or dies at its nth call. 0: it had not so many. */
static int fails_at(world *w, size_t nth, mvcc_fate what) {
    w->anna.s = &w->at[0];
    w->calls = 0;
    w->due = nth;
    w->fate = what;
    rep_count(&w->anna, "Account", w->account, "points", 1);
    rep_update(&w->anna, "Account", w->account, "website", rove__value_text("hers"));
    plans_visit(w, &w->anna, w->account);
    w->anna.lose_answer = !w->of_any;
    rep_exchange(&w->anna, &w->outcomes[0]);
    w->due = 0;
    assert_false(w->outcomes[0].forked);
    return w->calls >= nth;
}

/* At another server. */
static void comes_again(world *w, int64_t expected) {
    w->anna.s = w->ben.s = &w->at[1];
    both_agree(w);
    assert_int_equal(points(w), expected);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    assert_int_equal(
        memory_headquarters_rows(w->s.hq, rove__registry_by_name(w->s.registry, "Visit")->number),
        (size_t)expected);
    look(w);
}

static void p02_nobody_hears_whether_it_was_committed(void **state) {
    static const mvcc_fate fates[] = {MVCC_LOST, MVCC_UNHEARD, MVCC_FAILS};
    world *w = *state;
    int64_t done = 0;

    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        int failed = 1;
        for (size_t nth = 1; failed; nth++) {
            failed = fails_at(w, nth, fates[i]);
            assert_true(failed || nth > 1);
            comes_again(w, ++done);
        }
    }
}

static void p16_a_server_that_dies_has_done_a_batch_or_has_not(void **state) {
    world *w = *state;
    int64_t done = 0;
    int died = 1;

    for (size_t nth = 1; died; nth++) {
        died = fails_at(w, nth, MVCC_GOES_ON);
        w->servers[0] = mvcc_server_open(w->db, 0);
        w->at[0].store = w->at[0].ports.store = mvcc_server_store(w->servers[0]);
        w->s.store = w->s.ports.store = w->at[0].store;
        comes_again(w, ++done);
    }
    assert_true(done > 20);
}

/* Whatever had been judged of the batch is judged anew, in the same session or when it comes again. */
static void p16_a_serialisation_that_fails_is_tried_again(void **state) {
    world *w = *state;
    int64_t done = 0;
    size_t through = 0;
    int failed = 1;

    w->of_any = 1;
    for (size_t nth = 1; failed; nth++) {
        failed = fails_at(w, nth, MVCC_FAILS);
        assert_true(w->outcomes[0].failed == ROVE_OK || w->outcomes[0].failed == ROVE_LATER);
        through += failed && w->outcomes[0].failed == ROVE_OK;
        comes_again(w, ++done);
    }
    assert_true(through > 20);
}

/* ---- pulls ------------------------------------------------------------------------------------------------ */

static void both_have_all(world *w) {
    both_agree(w);
    assert_int_equal(rep_cell(&w->anna, "Account", w->other, "website").size, 3);
    assert_int_equal(rep_cell(&w->ben, "Account", w->account, "website").size, 4);
}

static void both_change_something(world *w) {
    rep_update(&w->anna, "Account", w->account, "website", rove__value_text("hers"));
    rep_update(&w->ben, "Account", w->other, "website", rove__value_text("his"));
    w->blind = 1;
}

/* Of two commits the later one may be seen first; no page passes the other. */
static void q01_a_cursor_does_not_pass_what_nobody_sees_yet(void **state) {
    world *w = *state;

    both_change_something(w);
    at_once(w, 2, ALL, anna_and_ben_exchange, both_have_all);
}

/* With the total of what the page makes of the replica. */
static void both_are_verified(world *w) {
    assert_true(w->outcomes[0].verified);
    assert_true(w->outcomes[1].verified);
    both_have_all(w);
}

static void q01_a_page_is_of_one_snapshot(void **state) {
    world *w = *state;

    both_change_something(w);
    at_once(w, 2, ALL, anna_and_ben_exchange, both_are_verified);
}

/* ---- a customer changes hands ----------------------------------------------------------------------------- */

static void customer_passes(void *ctx) {
    world *w = ctx;

    site_reassign(&w->at[1], ANNA, BEN, &w->hers, 1);
}

static void ben_pulls(void *ctx) {
    world *w = ctx;

    rep_exchange(&w->ben, &w->outcomes[2]);
}

static void all_three(world *w) {
    w->anna.s = &w->at[0];
    w->ben.s = &w->at[2];
    crew_add(&w->fibers, w->servers[0], anna_exchanges, w);
    crew_add(&w->fibers, w->servers[1], customer_passes, w);
    crew_add(&w->fibers, w->servers[2], ben_pulls, w);
}

static void her_work_is_his_now(world *w) {
    both_agree(w);
    assert_null(rep_find(&w->anna, "Account", w->hers));
    assert_null(rep_find(&w->anna, "Visit", rove__id_make(100, 1)));
    assert_int_equal(rep_cell(&w->ben, "Account", w->hers, "website").size, 4);
    assert_non_null(rep_find(&w->ben, "Visit", rove__id_make(100, 1)));
    assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
}

static void p14_a_customer_passes_on_while_work_on_it_is_judged(void **state) {
    world *w = *state;

    w->hers = site_account(&w->s, "Hotel Chur");
    site_grant(&w->s, ANNA, w->hers);
    rep_settle(&w->anna);
    rep_update(&w->anna, "Account", w->hers, "website", rove__value_text("hers"));
    plans_visit(w, &w->anna, w->hers);
    at_once(w, 3, ALL < 4 ? 2 : 3, all_three, her_work_is_his_now);
}

/* ---- a copy that lags ------------------------------------------------------------------------------------- */

static void changes(world *w, const char *text) {
    rove__row *row = site_row(&w->s, "Account", w->account);

    site_text(row, "description", text);
    site_update(&w->s, row);
}

/* The third server reads from a copy that is so many commits behind. */
static void lags(world *w, unsigned lag) {
    w->at[2].store = w->at[2].ports.store = mvcc_server_store(mvcc_server_open(w->db, lag));
}

/* At that server; it is told to come later, and nothing else. */
static void comes_too_early(world *w) {
    w->anna.s = &w->at[2];
    rep_exchange(&w->anna, &w->outcomes[0]);
    assert_int_equal(w->outcomes[0].failed, ROVE_LATER);
    assert_int_equal(w->outcomes[0].pages + w->outcomes[0].acks, 0);
    assert_int_equal(w->outcomes[0].need, 0);
    w->anna.s = &w->at[0];
}

static void q08_a_copy_says_later_to_a_cursor_beyond_its_head(void **state) {
    world *w = *state;

    for (unsigned lag = 1; lag <= 4; lag++) {
        lags(w, lag);
        changes(w, lag % 2 == 0 ? "even" : "odd");
        rep_settle(&w->anna);
        comes_too_early(w);
        both_agree(w);
    }
}

static void q08_a_copy_does_not_ask_for_what_it_has_not_heard_of(void **state) {
    world *w = *state;

    for (unsigned lag = 2; lag <= 4; lag++) { /* the last commit only notes the contact */
        lags(w, lag);
        rep_count(&w->anna, "Account", w->account, "points", 1);
        rep_settle(&w->anna);
        w->anna.cursor.seq = 1; /* however little it has */
        comes_too_early(w);
        both_agree(w);
    }
    assert_int_equal(points(w), 3);
}

/* It would show the record as it was before, to who has just changed it. */
static void q08_a_copy_does_not_take_back_what_was_pushed(void **state) {
    world *w = *state;

    for (unsigned lag = 1; lag <= 4; lag++) {
        rep_settle(&w->anna);
        lags(w, lag);
        rep_count(&w->anna, "Account", w->account, "points", 1);
        w->anna.cursor.seq = 1;
        comes_too_early(w);
        assert_int_equal(points(w), lag);
        both_agree(w);
    }
    assert_int_equal(points(w), 4);
}

static const rule_test tests[] = {
    RULE(p01_a_batch_that_comes_to_two_servers_at_once_is_judged_once, ROVE_PLANT_P01_STALE),
    RULE(p01_who_is_revoked_meanwhile_is_turned_away, ROVE_PLANT_P01_STALE),
    RULE(p02_nobody_hears_whether_it_was_committed, ROVE_PLANT_P02_AGAIN),
    RULE(p14_a_customer_passes_on_while_work_on_it_is_judged, ROVE_PLANT_P14_NOW,
         ROVE_PLANT_P16_CROWD),
    RULE(p16_two_servers_judge_the_same_rows_at_once, ROVE_PLANT_P16_CROWD),
    RULE(p16_a_server_that_dies_has_done_a_batch_or_has_not, ROVE_PLANT_P02_AGAIN),
    RULE(p16_a_serialisation_that_fails_is_tried_again, ROVE_PLANT_P16_HALF),
    RULE(q01_a_cursor_does_not_pass_what_nobody_sees_yet, ROVE_PLANT_Q01_SEQUENCE),
    RULE(q01_a_page_is_of_one_snapshot, ROVE_PLANT_Q01_STATEMENTS),
    RULE(q08_a_copy_says_later_to_a_cursor_beyond_its_head, ROVE_PLANT_Q08_NEW_LINE),
    RULE(q08_a_copy_does_not_ask_for_what_it_has_not_heard_of, ROVE_PLANT_Q08_FORGETFUL),
    RULE(q08_a_copy_does_not_take_back_what_was_pushed, ROVE_PLANT_Q08_TAKES_BACK),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, set_up, tear_down, argc, argv);
}
