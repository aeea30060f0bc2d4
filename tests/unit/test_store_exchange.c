/*
 * Long random exchanges between a replica and a small headquarters: whatever the rep and headquarters do in between,
 * the replica ends up with what headquarters holds, its digests are those of its rows, and nothing that was
 * recorded is lost.
 */
#include "office.h"

#define STEPS 400

static replica r;
static office *o;
static uint64_t seed;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "exchange");
    o = calloc(1, sizeof *o);
    office_start(o, &r);
    office_welcome(o);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(o);
    free(o);
    replica_end(&r);
    return 0;
}

/* What the rep recorded, to be found at headquarters in the end. */
static struct recorded {
    rove_id id;
    int64_t points;
} recorded[1024];
static size_t recorded_count;

static struct recorded *record_of(rove_id id) {
    for (size_t i = 0; i < recorded_count; i++) {
        if (recorded[i].id == id) {
            return &recorded[i];
        }
    }
    assert_true(recorded_count < sizeof recorded / sizeof *recorded);
    recorded[recorded_count] = (struct recorded){id, 0};
    return &recorded[recorded_count++];
}

static uint64_t roll(uint64_t sides) {
    return dice(&seed) % sides;
}

/* A random row that the rep sees, 0: there is none. */
static rove_id any_shown(const char *table) {
    char sql[128];
    int64_t count = 0;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    count = replica_sql(&r, sql);
    if (count == 0) {
        return 0;
    }
    snprintf(sql, sizeof sql, "SELECT id FROM %s LIMIT 1 OFFSET %d", table,
             (int)roll((uint64_t)count));
    return replica_sql(&r, sql);
}

/* The rep does something; a rule may refuse it. */
static void rep_edits_account(rove_id id) {
    rove__row row = replica_row(&r, "Account", id);
    const rove__entity *account = row.entity;
    rove_value tag = rove__value_int((int64_t)1 << 32 | (int64_t)(900 + roll(4)));
    char text[24];
    int64_t points = (int64_t)roll(9) + 1;
    rove_status status = ROVE_OK;

    snprintf(text, sizeof text, "rep %u", (unsigned)roll(1000));
    replica_begin(&r);
    switch (roll(6)) {
    case 0:
        status = rove__store_increment(r.store, account, id, replica_field(account, "points"),
                                       points, &r.error);
        assert_int_equal(status, ROVE_OK);
        record_of(id)->points += points;
        break;
    case 1:
        status = rove__store_element(r.store, account, id, replica_field(account, "tag_ids"), &tag,
                                     roll(2) ? ROVE_SET_ADD : ROVE_SET_REMOVE, &r.error);
        break;
    case 2:
        replica_set_int(&row, "lifecycle_stage", (int64_t)roll(6) + 1);
        status = rove__store_update(r.store, &row, &r.error);
        break;
    case 3:
        replica_set_text(&row, "name", text);
        replica_set_text(&row, "website", text);
        status = rove__store_update(r.store, &row, &r.error);
        break;
    default:
        replica_set_text(&row, "name", text);
        status = rove__store_update(r.store, &row, &r.error);
        break;
    }
    (void)status;
    replica_commit(&r);
}

/* The rep looks at what was refused: he tries it again, or drops it. */
static void rep_decides(void) {
    int64_t rejection = replica_sql(&r, "SELECT max(seq) FROM _rejection");

    if (rejection == 0) {
        return;
    }
    if (roll(2) == 0) {
        /* It may fail, because the record is not here any more. */
        rove_status status = rove__store_rejection_retry(r.store, rejection, NULL, &r.error);
        (void)status;
    } else {
        replica_ok(&r, rove__store_rejection_discard(r.store, rejection, &r.error));
    }
}

static void rep_acts(void) {
    rove_id account = any_shown("account");
    rove_id visit = any_shown("visit");
    rove_status status = ROVE_OK;

    switch (roll(11)) {
    case 10:
        rep_decides();
        return;
    case 0:
        (void)record_of(replica_account(&r, "new"));
        return;
    case 1:
    case 2:
        if (account != 0) {
            rove__row row = replica_row(&r, "Visit", 0);
            replica_set_int(&row, "account_id", account);
            replica_set_int(&row, "planned_start", REPLICA_NOW_MS + (int64_t)roll(3) * 2764800000);
            replica_set_int(&row, "status", 1);
            (void)replica_insert(&r, &row);
        }
        return;
    case 3:
        if (visit != 0 && account != 0) {
            rove__row row = replica_row(&r, "Visit", visit);
            replica_set_int(&row, "account_id", account);
            replica_begin(&r);
            status = rove__store_update(r.store, &row, &r.error);
            replica_commit(&r);
        }
        break;
    case 4:
        if (visit != 0) {
            replica_begin(&r);
            status = rove__store_delete(r.store, replica_entity(&r, "Visit"), visit, &r.error);
            replica_commit(&r);
        }
        break;
    case 5:
        if (visit != 0) {
            rove__row row = replica_row(&r, "Visit", visit);
            replica_set_text(&row, "notes", "seen");
            replica_begin(&r);
            status = rove__store_update(r.store, &row, &r.error);
            replica_commit(&r);
        }
        break;
    default:
        if (account != 0) {
            rep_edits_account(account);
        }
        break;
    }
    (void)status;
}

static office_row *any_record(const char *entity) {
    const rove__entity *wanted = replica_entity(&r, entity);
    office_row *found = NULL;
    uint64_t seen = 0;

    for (size_t i = 0; i < o->count; i++) {
        if (o->rows[i].whole.row.entity == wanted && !o->rows[i].dead && roll(++seen) == 0) {
            found = &o->rows[i];
        }
    }
    return found;
}

static void office_acts(void) {
    office_row *account = any_record("Account");
    office_row *visit = any_record("Visit");
    char text[24];

    snprintf(text, sizeof text, "office %u", (unsigned)roll(1000));
    switch (roll(8)) {
    case 0:
        (void)office_account(o, text);
        break;
    case 1:
        if (account != NULL) {
            (void)office_visit(o, account->whole.row.id, REPLICA_NOW_MS);
        }
        break;
    case 2:
        if (visit != NULL && account != NULL) {
            office_set_int(o, visit, "account_id", account->whole.row.id);
        }
        break;
    case 3:
        if (visit != NULL) {
            office_delete(o, visit);
        }
        break;
    case 4:
        if (account != NULL) {
            office_hold(o, account->whole.row.id, !office_holds(o, account->whole.row.id));
        }
        break;
    case 5:
        if (account != NULL) {
            office_set_text(o, account, "website", text);
        }
        break;
    default:
        if (account != NULL) {
            office_set_text(o, account, "name", text);
        }
        break;
    }
}

/* Now and then headquarters refuses what was done to a visit; not what it may have accepted under a former number. */
static const rove__verdict *refuse_some(office *headquarters, const rove__change *change) {
    if (change->row.entity != replica_entity(&r, "Visit") ||
        change->replica != r.store->owner.replica || roll(12) != 0) {
        return NULL;
    }
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, 0,
                                            ROVE_VERDICT_REJECTED,     ROVE_RANGE,     "not so"};
    return &headquarters->verdict;
}

/* One exchange, in which the rep may go on working and the answer may be lost. */
static void random_exchange(void) {
    rove__hello hello;
    office_push push;
    rove__page page;

    o->canonical_differs = roll(2) == 0;
    o->judge = refuse_some;
    office_receive(o, &hello, &push);
    for (uint64_t i = roll(3); i > 0; i--) {
        rep_acts();
    }
    office_answer *a = office_judge(o, &push);
    if (roll(6) == 0) {
        return; /* the answer is lost */
    }
    if (roll(40) == 0) {
        const rove__store_owner fresh = {r.store->owner.replica + 1, REPLICA_USER};
        replica_ok(&r, rove__store_set_owner(r.store, &fresh, &r.error));
        return; /* noticed as a copy, and enrolled again */
    }
    if (roll(8) == 0 && a->count > 0) {
        replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
        rep_acts();
        a->count = 0;
    }
    office_page(o, &page);
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, &page, &r.error));
}

static void check(void) {
    uint64_t rows = 0;
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

static void quiesce(void) {
    o->judge = NULL;
    while (replica_sql(&r, "SELECT count(*) FROM _rejection") > 0) {
        rep_decides();
    }
    for (int i = 0; i < 4; i++) {
        office_exchange(o);
    }
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _quarantine"), 0);
    check();
    if (!office_verified(o)) {
        office_explain(o);
        fail_msg("seed %s differs", getenv("ROVE_SEED"));
    }
    for (size_t i = 0; i < o->count; i++) {
        const office_row *record = &o->rows[i];
        rove__row row;
        int held = !record->dead && office_holds(o, office_scope(record).root);
        rove_status status =
            replica_get(&r, record->whole.row.entity->name, record->whole.row.id, &row);
        assert_int_equal(status, held ? ROVE_OK : ROVE_NOT_FOUND);
    }
}

/* Every account that the rep made, and every point that he gave, exactly once. */
static void check_recorded(void) {
    for (size_t i = 0; i < recorded_count; i++) {
        const office_row *record =
            office_find(o, replica_entity(&r, "Account")->number, recorded[i].id);
        assert_non_null(record);
        rove_value points =
            record->whole.row.cells[replica_field(record->whole.row.entity, "points")];
        assert_int_equal(points.type == ROVE_INT ? points.as.integer : 0, recorded[i].points);
    }
}

static void a_random_year(void **state) {
    (void)state;
    recorded_count = 0;
    const char *first = getenv("ROVE_SEED");
    seed = first != NULL ? strtoull(first, NULL, 10) : 1;

    for (int i = 0; i < 3; i++) {
        (void)office_account(o, "start");
    }
    for (int step = 0; step < STEPS; step++) {
        uint64_t what = roll(10);
        if (what < 5) {
            rep_acts();
        } else if (what < 8) {
            office_acts();
        } else {
            random_exchange();
        }
        if (step % 20 == 0) {
            check();
        }
    }
    quiesce();
    check_recorded();
    office_reopen(o);
    check();
}

/* ---- short of memory ---- */

static rove_status fail_from(size_t call, rove_status (*step)(void *), void *ctx) {
    r.memory.fail_at = r.memory.calls + call;
    r.memory.persistent = 1;
    rove_status status = step(ctx);
    r.memory.fail_at = 0;
    return status;
}

/* Fails the first allocation, then the second, until none fails; after each failure all is as it was. */
static void sweep(rove_status (*step)(void *), void *ctx) {
    rove_status status = ROVE_NOMEM;

    for (size_t call = 1; status != ROVE_OK; call++) {
        status = fail_from(call, step, ctx);
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        assert_true(call < 5000);
        if (status != ROVE_OK) {
            check();
        }
    }
}

static rove_status step_freeze(void *ctx) {
    (void)ctx;
    return rove__store_freeze(r.store, &r.error);
}

typedef struct answer_step {
    office_answer *answer;
    rove__page *page;
} answer_step;

static rove_status step_apply(void *ctx) {
    const answer_step *step = ctx;
    return rove__store_apply(r.store, step->answer->acks, step->answer->count, step->page,
                             &r.error);
}

static void short_of_memory_nothing_is_half(void **state) {
    (void)state;
    rove__hello hello;
    office_push push;
    rove__page page;

    seed = 5;
    office_row *kept = office_account(o, "kept");
    office_row *left = office_account(o, "left");
    for (int i = 0; i < 4; i++) {
        (void)office_visit(o, i < 2 ? kept->whole.row.id : left->whole.row.id, REPLICA_NOW_MS);
    }
    office_pull(o);
    for (int i = 0; i < 30; i++) {
        rep_acts();
    }
    sweep(step_freeze, NULL);
    office_receive(o, &hello, &push);
    for (int i = 0; i < 10; i++) {
        rep_acts();
        office_acts();
    }
    office_hold(o, left->whole.row.id, 0);
    answer_step step = {office_judge(o, &push), &page};
    office_page(o, &page);
    sweep(step_apply, &step);
    quiesce();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_random_year, setup, teardown),
        cmocka_unit_test_setup_teardown(short_of_memory_nothing_is_half, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
