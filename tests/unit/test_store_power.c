/*
 * Power cuts at any moment of a rep's days: while he writes, while pages and acknowledgements are applied, while the log
 * goes back into the file. Pages are not waited for (store/transaction.c), and yet: what the rep was told is written
 * is there, what headquarters heard of is not taken back, and the file is sound.
 */
#include "office.h"
#include "power.h"

#define LIVES     4  /* replicas, each from its beginning */
#define CUTS      8  /* in each of them */
#define CUSTOMERS 14 /* whose descriptions fill a page */

static replica r;
static office o;
static rove_id written[1024]; /* accounts that the rep was told are kept */
static size_t written_count;
static rove__hello told;             /* the last one that headquarters got */
static rove_id customers[CUSTOMERS]; /* of headquarters */

/* 1 if a call did what it says; 0: the power is gone. */
static int done(rove_status status) {
    if (status != ROVE_OK && !power_is_off()) {
        fail_msg("%s: %s", rove_status_name(status), r.error.message);
    }
    return status == ROVE_OK;
}

static void rep_writes(void) {
    rove__row row = replica_row(&r, "Account", 0);
    int last = written_count > 0 && power_draw(3) == 0;

    if (written_count + CUSTOMERS == OFFICE_ROWS_MAX - 1) {
        return;
    }
    row.id = last ? written[written_count - 1] : 0;
    replica_set_text(&row, last ? "phone" : "name", "0123");
    rove_status status = rove__store_begin(r.store, &r.error);
    if (status == ROVE_OK) {
        status = last ? rove__store_update(r.store, &row, &r.error)
                      : rove__store_insert(r.store, &row, &r.error);
        rove_status committed = rove__store_commit(r.store, &r.error);
        status = status == ROVE_OK ? committed : status;
    }
    if (done(status) && !last) {
        written[written_count++] = row.id;
    }
}

/* New descriptions of all customers: some sixty pages of the file. They are borrowed, or the office would grow. */
static void office_writes(void) {
    static char texts[2][15000];
    const rove__entity *account = replica_entity(&r, "Account");
    size_t at = replica_field(account, "description");
    size_t which = power_draw(2);

    memset(texts[which], which == 0 ? 'a' : 'b', sizeof texts[which] - 1);
    for (size_t i = 0; i < CUSTOMERS; i++) {
        office_row *row = office_find(&o, account->number, customers[i]);
        rove__row_set(&row->whole.row, at, rove__value_text(texts[which]));
        o.head.seq++;
        office_touch(&o, row, account->fields[at].number, 0, (rove__version){office_stamp(&o), 1});
    }
}

static void page_comes(void) {
    rove__page page;

    office_writes();
    office_page(&o, &page);
    page.more = power_draw(4) > 0;
    (void)done(rove__store_apply(r.store, NULL, 0, &page, &r.error));
}

/* Up to where headquarters hears of it. */
static int said_hello(office_push *push) {
    if (!done(rove__store_freeze(r.store, &r.error))) {
        return 0;
    }
    size_t left = power.left;
    power_cut_after(0);
    office_receive(&o, &told, push);
    power_cut_after(left);
    return 1;
}

static void exchange(int answered) {
    office_push push;
    rove__page page;

    if (!said_hello(&push)) {
        return;
    }
    office_answer *a = office_judge(&o, &push);
    if (answered) {
        office_page(&o, &page);
        (void)done(rove__store_apply(r.store, a->acks, a->count, &page, &r.error));
    }
}

static void live_until_the_cut(void) {
    power_cut_after(
        1 + power_draw(power_draw(2) == 0 ? 200 : 9000)); /* a sweep of the log takes 5000 */
    while (!power_is_off()) {
        switch (power_draw(8)) {
        case 0:
        case 1:
            rep_writes();
            break;
        case 2:
            exchange(1);
            break;
        case 3:
            exchange(0);
            break;
        default:
            page_comes();
            break;
        }
        rove__arena_reset(&r.arena);
    }
}

static void check(void) {
    rove__hello now;
    office_push push;
    char sql[96];

    for (size_t i = 0; i < written_count; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM account WHERE id = %lld",
                 (long long)written[i]);
        assert_int_equal(replica_sql(&r, sql), 1);
    }
    /* Batches that come again must come as they were: the office looks. */
    office_receive(&o, &now, &push);
    (void)office_judge(&o, &push);
    assert_int_equal(now.cursor.timeline, told.cursor.timeline);
    assert_true(now.cursor.seq >= told.cursor.seq);
    assert_true(now.acked >= told.acked);
    told = now;
    office_exchange(&o);
    office_expect_verified(&o);
    for (size_t i = 0; i < written_count; i++) {
        assert_non_null(office_find(&o, replica_entity(&r, "Account")->number, written[i]));
    }
}

static void start_life(uint64_t seed) {
    replica_prepare(&r, "power");
    r.ports.vfs = FAULTS_VFS;
    replica_open(&r);
    replica_enrol(&r);
    office_start(&o, &r);
    office_welcome(&o);
    for (size_t i = 0; i < CUSTOMERS; i++) {
        customers[i] = office_account(&o, "Customer")->whole.row.id;
    }
    office_exchange(&o);
    memset(&told, 0, sizeof told);
    told.cursor.timeline = o.head.timeline;
    written_count = 0;
    power_start(seed);
    office_reopen(&o); /* what was written unwatched is in the file */
}

static void a_power_cut_takes_nothing_that_was_promised(void **state) {
    (void)state;
    char shm[REPLICA_PATH_MAX + 32];

    for (uint64_t life = 1; life <= LIVES; life++) {
        start_life(life);
        for (int cut = 0; cut < CUTS; cut++) {
            live_until_the_cut();
            replica_close(&r);
            power_return();
            snprintf(shm, sizeof shm, "%s/replica.db-shm", r.folder);
            (void)unlink(shm);
            replica_open(&r);
            office_reopen(&o);
            check();
        }
        power_end();
        office_end(&o);
        replica_end(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_takes_nothing_that_was_promised),
    };

    if (sqlite3_initialize() != SQLITE_OK || faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
