/*
 * Random schedules: several reps work, some of them on two devices, headquarters works, grants come and go, customers pass
 * from one rep to another and back, contacts change accounts, connections drop anywhere, answers come in pages of any
 * size, clocks are wrong, headquarters comes back from a backup, or forgets what happened long ago. In the end every device
 * has exactly what headquarters has of what its rep holds, no increment is lost or added twice, and no honest work is in
 * review; but for that of which nobody knows any more who held it (Q8).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rove/entities.pb-c.h"
#include "site.h"

#define REPS     3
#define ACCOUNTS 4
#define SEEDS    60
#define STEPS    120
#define HOUR     INT64_C(3600000)
#define DAY      INT64_C(86400000)

typedef struct world {
    site s;
    uint64_t dice;
    rep reps[REPS];      /* devices */
    rove_id users[REPS]; /* of each device; the first two may be one rep's */
    rove_id accounts[ACCOUNTS];
    size_t backup; /* the newest, + 1 */
    uint64_t timeline;
    int restores; /* they happen in this run */
    int restored;
    int purges; /* they happen in this run */
    int purged;
    size_t inserts;
    int64_t counted; /* all increments */
} world;

static uint64_t throw(world * w, uint64_t sides) {
    return dice(&w->dice) % sides;
}

static void open_world(world *w, uint64_t seed) {
    static const uint64_t limits[] = {1, 2, 3, 5, 50};

    memset(w, 0, sizeof *w);
    w->dice = seed;
    w->timeline = 1;
    site_open(&w->s);
    w->s.page_rows = limits[throw(w, 5)];
    w->s.ack_bytes = throw(w, 3) == 0 ? 1 : 0;
    w->restores = seed % 3 == 0;
    w->purges = seed % 4 == 1;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        w->accounts[i] = site_account(&w->s, "account");
    }
    for (size_t i = 0; i < REPS; i++) {
        w->users[i] = rove__id_make(100, (uint32_t)(i == 1 && seed % 2 == 0 ? 0 : i) + 1);
        rep_open(&w->reps[i], &w->s, (rove_replica)(1000 + i), w->users[i]);
        for (size_t k = 0; k < ACCOUNTS; k++) {
            if (throw(w, 10) < 7) {
                site_grant(&w->s, w->users[i], w->accounts[k]);
            }
        }
        static const int64_t skews[] = {0, 0, 50000, -50000, -20000 * DAY, 1000 * DAY};
        w->reps[i].skew_ms = skews[throw(w, 6)];
    }
}

static void close_world(world *w) {
    for (size_t i = 0; i < REPS; i++) {
        rep_close(&w->reps[i]);
    }
    site_close(&w->s);
}

/* ---- a rep's work ---------------------------------------------------------------------------------------- */

static rep_row *any_row(world *w, rep *r, const char *entity) {
    const rove__entity *wanted = rove__registry_by_name(w->s.registry, entity);
    size_t start = r->row_count == 0 ? 0 : (size_t) throw(w, r->row_count);

    for (size_t i = 0; i < r->row_count; i++) {
        rep_row *row = &r->rows[(start + i) % r->row_count];
        if (row->row.entity == wanted) {
            return row;
        }
    }
    return NULL;
}

/* What a device would not allow, or would fold into one edit: more of the same record before a freeze. */
static int pending(const rep *r, const rep_row *row) {
    for (size_t b = 0; b <= r->batch_count; b++) {
        const rove__change *changes = b < r->batch_count ? r->batches[b].changes : r->changes;
        size_t count = b < r->batch_count ? r->batches[b].count : r->change_count;
        for (size_t i = 0; i < count; i++) {
            int ends = changes[i].op == ROVE_OP_DELETE || changes[i].op == ROVE_OP_SEAL;
            if (changes[i].row.entity == row->row.entity && changes[i].row.id == row->row.id &&
                (ends || b == r->batch_count)) {
                return 1;
            }
        }
    }
    return 0;
}

static void new_visit(world *w, rep *r) {
    rep_row *account = any_row(w, r, "Account");
    rove__row *row = NULL;

    if (account == NULL) {
        return;
    }
    row = site_row(&w->s, "Visit", rep_id(r));
    site_int(row, "account_id", account->row.id);
    site_int(row, "planned_start", w->s.now_ms + (int64_t) throw(w, 60) * DAY);
    site_int(row, "status", ROVE__VISIT__STATUS__PLANNED);
    rep_insert(r, row);
    w->inserts++;
}

static void new_contact(world *w, rep *r) {
    rep_row *account = any_row(w, r, "Account");
    rove__row *contact = site_row(&w->s, "Contact", rep_id(r));
    rove__row *role = site_row(&w->s, "AccountContactRole", rep_id(r));

    site_text(contact, "last_name", "Stein");
    rep_insert(r, contact);
    if (account != NULL && throw(w, 2) == 0) {
        site_int(role, "account_id", account->row.id);
        site_int(role, "contact_id", contact->id);
        rep_insert(r, role);
    }
}

static void edit_account(world *w, rep *r) {
    rep_row *row = any_row(w, r, "Account");
    static const char *const texts[] = {"a", "b", "c"};

    if (row == NULL || pending(r, row)) {
        return;
    }
    rove_id id = row->row.id;
    switch (throw(w, 5)) {
    case 0:
        rep_update(r, "Account", id, "phone", rove__value_text(texts[throw(w, 3)]));
        break;
    case 1:
        rep_update(r, "Account", id, "lifecycle_stage", rove__value_int((int64_t) throw(w, 8) + 1));
        break;
    case 2:
        rep_set_add(r, "Account", id, "tag_ids", (int64_t) throw(w, 4) + 1);
        break;
    case 3:
        rep_set_remove(r, "Account", id, "tag_ids", (int64_t) throw(w, 4) + 1);
        break;
    default:
        rep_count(r, "Account", id, "points", 1);
        w->counted++;
        break;
    }
}

static void edit_visit(world *w, rep *r) {
    rep_row *row = any_row(w, r, "Visit");
    rep_row *account = any_row(w, r, "Account");
    int sealed =
        rove__entity_field_named(rove__registry_by_name(w->s.registry, "Visit"), "sealed_at");

    if (row == NULL || account == NULL || pending(r, row) ||
        row->row.cells[sealed].type != ROVE_NULL) {
        return;
    }
    rove_id id = row->row.id;
    switch (throw(w, 6)) {
    case 0:
        rep_update(r, "Visit", id, "account_id", rove__value_int(account->row.id));
        break;
    case 1:
        rep_update(r, "Visit", id, "planned_start",
                   rove__value_int(w->s.now_ms + (int64_t) throw(w, 90) * DAY));
        break;
    case 2:
        rep_delete(r, "Visit", id);
        break;
    case 3:
        rep_seal(r, "Visit", id, NULL);
        break;
    default:
        rep_update(r, "Visit", id, "notes", rove__value_text("note"));
        break;
    }
}

static void work(world *w, rep *r) {
    switch (throw(w, 6)) {
    case 0:
        new_visit(w, r);
        break;
    case 1:
        if (throw(w, 3) == 0) {
            new_contact(w, r);
        }
        break;
    case 2:
    case 3:
        edit_account(w, r);
        break;
    default:
        edit_visit(w, r);
        break;
    }
}

/* For the message of a failed run. */
static rove_status tell_review(void *ctx, const rove__hq_review *review) {
    (void)ctx;
    print_message("review of entity %u by %u at %llu: %s\n", review->entity, review->replica,
                  (unsigned long long)review->seq, review->reason);
    return ROVE_OK;
}

static void tell_reviews(world *w) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->review_scan(tx, 0, &w->s.arena, tell_review, NULL), ROVE_OK);
    w->s.store->rollback(tx);
}

static void exchange(world *w, rep *r) {
    rep_outcome outcome;

    r->lose_answer = throw(w, 8) == 0;
    r->answer_frames = throw(w, 4) == 0 ? (size_t) throw(w, 6) + 1 : 0;
    r->bytes_max = throw(w, 6) == 0 ? 200 : 0;
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_false(outcome.forked);
    r->send_digests = outcome.digests;
    for (size_t i = 0; i < outcome.verdict_count && !w->restored && !w->purged; i++) {
        if (outcome.verdicts[i].code == ROVE_VERDICT_REVIEW ||
            outcome.verdicts[i].code == ROVE_VERDICT_PARKED) {
            tell_reviews(w);
            fail_msg("honest work on entity %u got verdict %d", outcome.verdicts[i].entity,
                     (int)outcome.verdicts[i].code);
        }
    }
}

/* ---- headquarters' work ---------------------------------------------------------------------------------- */

/* Some accounts, or all, from one rep to another; now and then back again at once. */
static void realign(world *w) {
    rove_id from = w->users[throw(w, REPS)];
    rove_id to = w->users[throw(w, REPS)];
    size_t first = (size_t) throw(w, ACCOUNTS);
    size_t count = throw(w, 2) ? ACCOUNTS - first : 1;

    if (from == to) {
        return;
    }
    site_reassign(&w->s, from, to, &w->accounts[first], count);
    if (throw(w, 4) == 0) {
        site_reassign(&w->s, to, from, &w->accounts[first], count);
    }
}

typedef struct role_search {
    uint32_t entity;
    rove_id found;
} role_search;

static rove_status each_role(void *ctx, uint32_t entity, rove_id id) {
    role_search *search = ctx;

    search->found = entity == search->entity ? id : search->found;
    return ROVE_OK;
}

static void move_a_contact(world *w) {
    role_search search = {rove__registry_by_name(w->s.registry, "AccountContactRole")->number, 0};
    rove__scope scope = {w->accounts[throw(w, ACCOUNTS)], -1};
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->row_ids(tx, scope, each_role, &search), ROVE_OK);
    w->s.store->rollback(tx);
    if (search.found != 0) {
        site_move_role(&w->s, search.found, w->accounts[throw(w, ACCOUNTS)]);
    }
}

static void office(world *w) {
    rove_id user = w->users[throw(w, REPS)];
    rove_id account = w->accounts[throw(w, ACCOUNTS)];
    rove__row *row = NULL;

    switch (throw(w, 8)) {
    case 0:
        site_grant(&w->s, user, account);
        break;
    case 1:
        site_revoke(&w->s, user, account);
        break;
    case 2:
        site_visit(&w->s, account, w->s.now_ms + (int64_t) throw(w, 30) * DAY);
        break;
    case 3:
        row = site_row(&w->s, "Account", account);
        site_text(row, "website", throw(w, 2) ? "x" : "y");
        site_update(&w->s, row);
        break;
    case 4:
    case 5:
        realign(w);
        break;
    case 6:
        move_a_contact(w);
        break;
    default:
        row = site_row(&w->s, "TagSet", 0); /* of the organisation */
        site_text(row, "name", "tags");
        site_insert(&w->s, row);
        break;
    }
}

static void restore(world *w) {
    if (w->backup == 0 || throw(w, 2)) {
        w->backup = memory_headquarters_backup(w->s.hq) + 1;
        return;
    }
    w->timeline++;
    memory_headquarters_restore(w->s.hq, w->backup - 1, w->timeline,
                                (rove_replica)(5000 + w->timeline));
    w->restored = 1;
}

static void purge(world *w) {
    int64_t age_ms = (int64_t) throw(w, 60) * 1000;

    site_purge(&w->s, w->s.now_ms - age_ms);
    w->purged = 1;
}

static void step(world *w) {
    uint64_t x = throw(w, 100);
    rep *r = &w->reps[throw(w, REPS)];

    w->s.now_ms += (int64_t) throw(w, 4) * 1000;
    if (x < 50) {
        work(w, r);
    } else if (x < 85) {
        exchange(w, r);
    } else if (x < 96) {
        office(w);
    } else if (x < 98) {
        w->purges ? purge(w) : office(w);
    } else {
        w->restores ? restore(w) : office(w);
    }
}

/* ---- the end --------------------------------------------------------------------------------------------- */

static int64_t points(world *w) {
    int64_t sum = 0;

    for (size_t i = 0; i < ACCOUNTS; i++) {
        rove_value value = site_cell(&w->s, "Account", w->accounts[i], "points");
        sum += value.type == ROVE_INT ? value.as.integer : 0;
    }
    return sum;
}

/* A row that is parked for is one that no rep has. */
static rove_status each_parked(void *ctx, int64_t number, rove__origin origin) {
    world *w = ctx;

    assert_true(number > 0);
    for (size_t i = 0; i < REPS; i++) {
        for (size_t k = 0; k < w->reps[i].row_count; k++) {
            assert_int_not_equal(rove__version_compare(w->reps[i].rows[k].clock.origin, origin), 0);
        }
    }
    return ROVE_OK;
}

static void none_waits_in_vain(world *w) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->parked_origins(tx, 0, each_parked, w), ROVE_OK);
    w->s.store->rollback(tx);
    if (!w->restored && !w->purged) {
        assert_int_equal(memory_headquarters_parked(w->s.hq), 0);
    }
}

static void quiesce(world *w) {
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < REPS; i++) {
            w->s.now_ms += HOUR; /* what differs may be fetched again */
            w->reps[i].bytes_max = 0;
            rep_settle(&w->reps[i]);
        }
    }
    for (size_t i = 0; i < REPS; i++) {
        rep_check(&w->reps[i]);
    }
    for (size_t i = 0; i < REPS && !w->restored && !w->purged; i++) {
        assert_int_equal(w->reps[i].repairs, 0);
    }
    if (!w->restored && !w->purged) {
        tell_reviews(w);
        assert_int_equal(memory_headquarters_reviews(w->s.hq), 0);
    }
    if (!w->restored) {
        int64_t held_back = (int64_t)memory_headquarters_reviews(w->s.hq);
        assert_in_range(w->counted - points(w), 0, held_back);
    }
    none_waits_in_vain(w);
}

static void all_schedules_end_in_agreement(void **state) {
    const char *only = getenv("ROVE_SEED");
    const char *many = getenv("ROVE_SEEDS");
    uint64_t seeds = many != NULL ? strtoull(many, NULL, 10) : SEEDS;
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;

    (void)state;
    for (uint64_t seed = first; seed < (only != NULL ? first + 1 : seeds + 1); seed++) {
        world *w = test_calloc(1, sizeof *w);
        print_message("seed %llu\n", (unsigned long long)seed);
        open_world(w, seed);
        for (int i = 0; i < STEPS; i++) {
            step(w);
        }
        quiesce(w);
        close_world(w);
        test_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_schedules_end_in_agreement)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
