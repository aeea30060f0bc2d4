/*
 * faults/wiped.h - a device is wiped by its rep, with work that headquarters does not have, an answer that was lost, a note in the drop
 * box, and what no backup has yet; then its drop box is delivered. Whatever fails, at either end: all that he was told is kept is at
 * headquarters, once, also when that has gone back to its backup meanwhile; nothing of it can be read on the device; and in the end the
 * folder is as good as new. If the wipe was not begun the replica goes on as if nothing had been. Played with an encrypted replica and
 * with a plain one.
 */
#ifndef ROVE_TESTS_WIPED_H
#define ROVE_TESTS_WIPED_H

#include "postbox.h"

#define WIPED_NEXT_NUMBER 9
#define WIPED_BACKUP      "before.db"

static rove_id wiped_account;
static int wiped_is_over; /* by the call, under the fault */
static int wiped_late;    /* it had not begun, and all was sent before it did */

/* A note, while the lease is over; then the replica is open again. */
static inline void wiped_note(void) {
    postbox_wait(POSTBOX_LEASE_MS + 1);
    postbox_note_down("Visit", wiped_account);
    assert_true(postbox_ledger[0].kept);
    (void)sync_ok(&first);
}

/* He edits an account and makes others; the answer to the first two writes is lost. */
static inline void wiped_work(void) {
    rove_field phone_field[] = {{"phone", rove_text("0123")}};

    (void)world_record_account(POSTBOX_CANARY " in no backup");
    settle(&first);
    (void)world_record_account(POSTBOX_CANARY " under way");
    rename_account(&first, wiped_account, POSTBOX_CANARY " renamed");
    first.route = postbox_lose;
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    first.route = postbox_route;
    (void)world_record_account(POSTBOX_CANARY " not sent");
    phone_ok(&first,
             rove_update(first.replica, "Account", wiped_account, phone_field, 1, &first.error));
}

static inline void wiped_prepare(int encrypted) {
    postbox_begin(encrypted);
    wiped_account = phone_account(&first, "known");
    settle(&first);
    postbox_back_up(WIPED_BACKUP);
    postbox_shut = 1; /* else the note would go with the first sync */
    wiped_note();
    wiped_work();
    postbox_shut = 0;
    assert_int_equal(postbox_state().waiting, 1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM _review_queue"), 0);
    postbox_close();
}

/* Its folder may be one that was wiped. */
static inline void wiped_open(void) {
    desk_open();
    rove_status status = rove_open(&first.ports, first.folder, &first.replica, &first.error);
    if (status != ROVE_OK) {
        phone_is(&first, status, ROVE_WIPED);
        assert_null(first.replica);
    }
}

static inline void wiped_act(void) {
    wiped_is_over = WORLD_TRY(rove_wipe, first.replica, &first.error);
    if (wiped_is_over) {
        (void)postbox_try_send();
    }
}

static inline void wiped_check_headquarters(void) {
    static const char *const names[] = {" in no backup", " under way", " renamed", " not sent"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char sql[128];
        rove__text_format(sql, sizeof sql, "SELECT count(*) FROM account WHERE name = '%s%s'",
                          POSTBOX_CANARY, names[i]);
        assert_int_equal(world_at_headquarters(sql), 1);
    }
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account"), 4);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account WHERE phone = '0123'"), 1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict"), 0);
    postbox_check_notes();
}

/* The replica is still there, and all works. */
static inline void wiped_not_begun(void) {
    assert_false(wiped_is_over);
    wiped_late = 1;
    settle(&first);
    assert_int_equal(phone_state(&first).dropped, 0);
    world_check_ledger();
    wiped_check_headquarters();
    phone_ok(&first, rove_wipe(first.replica, &first.error));
}

/* Without faults: the wipe goes on where it stopped, or is done again where it had not begun. */
static inline void wiped_go_on(void) {
    if (first.replica != NULL) {
        int unlocks = loop_now.n % 2 == 0; /* that goes on as well as a sync */
        rove_status status = unlocks ? rove_unlock(first.replica, &first.error) : ROVE_OK;
        if (status == ROVE_OK) {
            status = rove_sync(first.replica, NULL, NULL, &first.error);
        }
        if (status == ROVE_OK) {
            wiped_not_begun();
        } else {
            phone_is(&first, status, ROVE_WIPED);
        }
        phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_WIPED);
        phone_close(&first);
    }
}

static inline void wiped_nothing_is_left(void) {
    static const char *const gone[] = {"core.key",       "replica.db",     "replica.db-wal",
                                       "replica.db-shm", "replica.db-log", "identity"};

    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        if (postbox_has(gone[i])) {
            fail_msg("%s is still there", gone[i]);
        }
    }
    assert_false(postbox_shows(POSTBOX_CANARY));
    assert_false(postbox_shows("SQLite format"));
}

/* He enrols in the same folder, and has it all again. */
static inline void wiped_begin_anew(void) {
    assert_false(postbox_has("drop.box") || postbox_has("drop.to") || postbox_has("orders"));
    phone_open(&first);
    assert_int_equal(phone_state(&first).enrolled, 0);
    assert_int_equal(phone_state(&first).records, 0);
    first.number = WIPED_NEXT_NUMBER;
    phone_enroll(&first);
    settle(&first);
    (void)world_record_account("of the next replica");
    settle(&first);
    world_check_ledger();
}

/* All is delivered, and stays until there is a backup of it. */
static inline void wiped_deliver(void) {
    postbox_send();
    assert_int_equal(postbox_state().waiting, 0);
    assert_int_equal(postbox_state().refused, 0);
    assert_true(postbox_state().kept > 0);
    wiped_check_headquarters();
}

/* Headquarters loses all that came after its backup, also what it had confirmed before the wipe. */
static inline void wiped_restore(void) {
    int replaced = 0;

    desk_close();
    if (bureau_restore(desk, WIPED_BACKUP, &replaced, &first.error) != ROVE_OK) {
        fail_msg("%s", first.error.message);
    }
    desk_open();
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account"), 1);
}

/* However often it was begun, the receipt says what was sealed in all: what was under way, and what was not (orders.h). */
static inline void wiped_check_receipt(void) {
    char sql[160];

    rove__text_format(sql, sizeof sql,
                      "SELECT count(*) FROM _setting WHERE key = 'order/%u'"
                      " AND hex(substr(value, 42, 4)) = '%08X'",
                      PHONE_NUMBER, wiped_late ? 0u : 2u);
    assert_int_equal(world_at_headquarters(sql), 1);
}

static inline void wiped_check(void) {
    wiped_go_on();
    wiped_nothing_is_left();
    wiped_deliver();
    wiped_restore();
    wiped_deliver();
    postbox_back_up("after.db");
    postbox_send();
    wiped_check_headquarters();
    wiped_check_receipt();
    wiped_begin_anew();
}

static inline int wiped_main(int argc, char **argv, const char *name, void (*prepare)(void)) {
    const loop_scenario scenario = {.name = name,
                                    .kinds = LOOP_DEVICE | LOOP_HQ | LOOP_CUTS | LOOP_HQ_CUTS,
                                    .prepare = prepare,
                                    .open = wiped_open,
                                    .act = wiped_act,
                                    .close = postbox_close,
                                    .check = wiped_check,
                                    .end = postbox_end};

    return loop_main(&scenario, argc, argv);
}

#endif
