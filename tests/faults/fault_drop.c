/*
 * fault_drop.c - a rep's lease is over, and he records what he comes from; a sync takes it to headquarters out of the drop box and opens
 * the replica again; he locks it himself, and goes on. Whatever fails at either end: what he was told is kept lies before an
 * operator, once; none of it can be read on the device; and once headquarters has a backup of it the drop box is empty.
 */
#include "postbox.h"

static rove_id known;

static void prepare(void) {
    postbox_begin(1);
    known = phone_account(&first, "known");
    settle(&first);
    postbox_back_up("before.db");
    (void)sync_ok(&first); /* it hears of the backup */
    postbox_wait(POSTBOX_LEASE_MS + 1);
    postbox_close();
}

static void open_both(void) {
    desk_open();
    phone_open(&first);
}

static void act(void) {
    postbox_note_down("Visit", known);
    postbox_note_down("Call", known);
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    if (WORLD_TRY(rove_lock, first.replica, &first.error)) {
        postbox_note_down("Visit", known);
        (void)postbox_try_send();
    }
}

/* By his own lock, by his lease, or not at all. */
static void unlock(void) {
    rove_status status = rove_unlock(first.replica, &first.error);

    if (status != ROVE_OK) {
        phone_is(&first, status, ROVE_LOCKED);
    }
}

/* An operator takes all of it, and it comes down like any record. */
static void accept_all(void) {
    int64_t waiting = world_at_headquarters("SELECT count(*) FROM _review_queue");
    char number[24];

    for (int64_t i = 1; i <= waiting; i++) {
        rove__text_format(number, sizeof number, "%lld", (long long)i);
        desk_ok(desk_run("review", "accept", number, NULL));
    }
    settle(&first);
    for (size_t i = 0; i < postbox_noted; i++) {
        const postbox_note *note = &postbox_ledger[i];
        char sql[128];
        rove__text_format(sql, sizeof sql, "SELECT count(*) FROM %s WHERE %s = '%s'",
                          strcmp(note->entity, "Visit") == 0 ? "visit" : "call",
                          strcmp(note->entity, "Visit") == 0 ? "purpose" : "notes", note->purpose);
        int64_t here = phone_number(&first, sql);
        assert_true(here >= note->kept && here == world_at_headquarters(sql));
    }
}

static void check(void) {
    assert_false(postbox_shows(POSTBOX_CANARY));
    unlock();
    settle(&first);
    assert_int_equal(phone_state(&first).dropped, 0);
    assert_int_equal(phone_state(&first).drop_refused, 0);
    postbox_check_notes();
    postbox_back_up("after.db");
    postbox_send();
    assert_int_equal(postbox_state().bytes, 0);
    postbox_check_notes();
    accept_all();
    (void)world_record_account("of a later day");
    settle(&first);
    world_check_ledger();
    assert_false(postbox_shows(POSTBOX_CANARY));
}

int main(int argc, char **argv) {
    static const loop_scenario scenario = {.name = "drop",
                                           .kinds =
                                               LOOP_DEVICE | LOOP_HQ | LOOP_CUTS | LOOP_HQ_CUTS,
                                           .prepare = prepare,
                                           .open = open_both,
                                           .act = act,
                                           .close = postbox_close,
                                           .check = check,
                                           .end = postbox_end};

    return loop_main(&scenario, argc, argv);
}
