/*
 * test_client_handover.c - a device passes to another user (D11), and is killed, or its disk or memory fails, at every step of
 * that: it is the first user's with all his work, or the second one's with nothing of it but what is sealed.
 */
#include "faults.h"
#include "pair.h"

#define OTHER_USER (PHONE_USER + 1)
#define CANARY     "Canary & Sons"

static rove_id sent;
static rove_id unsent;

static int set_up(void **state) {
    pair_set_up(state);
    sent = phone_account(&first, CANARY);
    settle(&first);
    rename_account(&first, sent, "Canary Ltd");
    unsent = phone_account(&first, "Canary unsent");
    first.user = OTHER_USER;
    first.number = 9;
    register_device(9, OTHER_USER);
    return 0;
}

static int tear_down(void **state) {
    pair_tear_down(state);
    return 0;
}

static rove_status enroll(void) {
    char code[ROVE_INVITATION_SIZE];

    return rove_enroll(first.replica, PHONE_URL, phone_code(&first, code), &first.error);
}

static int exists(const char *name) {
    char path[128];

    snprintf(path, sizeof path, "%s/%s", first.folder, name);
    return access(path, F_OK) == 0;
}

/* All of it is still the first user's. */
static void assert_as_before(void) {
    rove_state now = phone_state(&first);

    assert_int_equal(now.user, PHONE_USER);
    assert_int_equal(now.replica, 7);
    assert_int_equal(now.pending, 2);
    assert_true(same_name(&first, "Canary Ltd"));
}

static void assert_passed_on(void) {
    rove_state now = phone_state(&first);

    assert_int_equal(now.user, OTHER_USER);
    assert_int_equal(now.replica, 9);
    assert_int_equal(now.pending, 0);
    assert_int_equal(now.records, 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 0);
}

/* Whatever happened, in the end it is all there once. */
static void assert_delivered(void) {
    rove__hq_row row;

    assert_passed_on();
    assert_true(phone_state(&first).enrolled);
    assert_false(is_readable(&first, "Canary"));
    assert_false(exists("identity.next"));
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_true(site_get(&hq, "Account", unsent, &row));
    assert_int_equal(row.author, PHONE_USER);
    assert_int_equal(site_conflicts(&hq, 0), 0);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 0);
    settle(&second);
    assert_true(same_name(&second, "Canary Ltd") && same_name(&second, "Canary unsent"));
}

static void test_a_device_passes_on(void **state) {
    (void)state;
    phone_ok(&first, enroll());
    assert_delivered();
}

/* The app is killed: what was not committed is gone, and the handle with it. */
static void kill_app(void) {
    faults_arm(&faults_io, 0, 0, 0);
    phone_close(&first);
    phone_open(&first);
}

static rove_files real_files;
static int writes_left; /* of small files; then the app is killed */

static rove_status replace_some(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    if (writes_left-- <= 0) {
        return rove__error_set(error, ROVE_IO, "killed");
    }
    return real_files.replace(ctx, path, bytes, size, error);
}

static rove_status remove_some(void *ctx, const char *path, rove_error *error) {
    if (writes_left-- <= 0) {
        return rove__error_set(error, ROVE_IO, "killed");
    }
    return real_files.remove(ctx, path, error);
}

/* 0: before anything was kept. 1: after the new identity was. 2: when the old one was to be replaced. 3: at its very end. */
static void kill_after(int writes) {
    real_files = first.ports.files;
    writes_left = writes;
    first.replica->ports.files.replace = replace_some;
    first.replica->ports.files.remove = remove_some;
    rove_status status = enroll();
    assert_int_equal(status, writes < 2 ? ROVE_IO : ROVE_OK);
}

static void d11_killed_before_the_identity_is_kept(void **state) {
    (void)state;
    kill_after(0);
    assert_as_before();
    kill_app();
    assert_as_before();
    assert_true(phone_state(&first).enrolled);
    phone_ok(&first, enroll()); /* with another code */
    assert_delivered();
}

static void d11_killed_before_the_identity_takes_its_place(void **state) {
    (void)state;
    kill_after(1);
    assert_passed_on();
    assert_false(phone_state(&first).enrolled);
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NOT_ENROLLED);
    assert_non_null(strstr(first.error.message, "not finished"));
    kill_app();
    assert_delivered();
}

static void d11_killed_before_the_second_file_goes(void **state) {
    (void)state;
    kill_after(2);
    assert_true(exists("identity.next"));
    kill_app();
    assert_delivered();
}

/* The same while the app stays: it enrols again. */
static void d11_the_same_code_finishes_it(void **state) {
    (void)state;
    kill_after(1);
    first.replica->ports.files = real_files;
    int enrolments = first.enrolments;
    phone_ok(&first, enroll());
    assert_int_equal(first.enrolments, enrolments);
    assert_delivered();
}

/* An identity of an older hand-over, whose file could not be removed, does not come back. */
static void d11_a_file_left_behind_changes_nothing(void **state) {
    char path[2][128];
    (void)state;
    phone_ok(&first, enroll());
    snprintf(path[0], sizeof path[0], "%s/identity", first.folder);
    snprintf(path[1], sizeof path[1], "%s/identity.next", first.folder);
    phone_close(&first);
    assert_int_equal(link(path[0], path[1]), 0);
    phone_open(&first);
    assert_false(exists("identity.next"));
    rove__renewal renewal = {.fresh = 0};
    phone_ok(&first, rove__client_renew(first.replica, &renewal, &first.error));
    uint8_t key[ROVE_KEY_DER_MAX];
    memcpy(key, first.replica->credentials->key, first.replica->credentials->key_size);
    phone_close(&first);
    phone_open(&first);
    assert_memory_equal(key, first.replica->credentials->key, first.replica->credentials->key_size);
    assert_delivered();
}

/* Whoever reads in the middle of a query keeps the log, in which the first user's rows are. */
static void d11_an_open_query_holds_it_up(void **state) {
    rove_query *query = NULL;
    (void)state;
    phone_ok(&first, rove_query_new(first.replica, "SELECT name FROM account", NULL, 0, &query,
                                    &first.error));
    phone_ok(&first, rove_query_step(query, &first.error));
    phone_is(&first, enroll(), ROVE_BUSY);
    assert_passed_on();
    assert_false(phone_state(&first).enrolled);
    rove_query_free(query);
    phone_ok(&first, enroll());
    assert_delivered();
}

static void count_events(void *ctx, const rove_event *events, size_t count) {
    (void)events;
    *(size_t *)ctx += count;
}

static void d11_watchers_hear_of_it(void **state) {
    size_t events = 0;
    (void)state;
    rove_watch(first.replica, count_events, &events);
    phone_ok(&first, enroll());
    assert_true(events > 10);
    rove_watch(first.replica, NULL, NULL);
}

/* ---- the disk and memory fail ------------------------------------------------------------------------------------ */

/* One call of the file system after the other is the first that does not come to pass: 1 tries them all. */
#define STEP 7

static void d11_a_kill_at_any_write(void **state) {
    int killed = 0;

    for (size_t at = 1;; at += STEP) {
        if (at > 1) {
            set_up(state);
        }
        faults_arm(&faults_io, at, 1, SQLITE_IOERR_WRITE);
        rove_status status = enroll();
        if (status == ROVE_OK) {
            faults_arm(&faults_io, 0, 0, 0);
            break;
        }
        kill_app();
        /* The new identity was kept, so opening goes on with it. */
        assert_delivered();
        killed++;
        tear_down(state);
    }
    assert_true(killed > 20);
}

/* The same with a disk that is full once, and an app that stays. */
static void d11_a_full_disk_at_any_write(void **state) {
    for (size_t at = 3;; at += STEP) {
        if (at > 3) {
            set_up(state);
        }
        faults_arm(&faults_io, at, 0, SQLITE_FULL);
        rove_status status = enroll();
        int hit = faults_io.calls >= at;
        faults_arm(&faults_io, 0, 0, 0);
        if (status != ROVE_OK) {
            phone_ok(&first, enroll());
        }
        assert_delivered();
        if (!hit) {
            break;
        }
        tear_down(state);
    }
}

/* The first user, with a code of his own. */
static rove_status enroll_first_user(void) {
    rove__invitation invitation = {.code = {7, 7, 7}, .pin = {4, 5, 6}};
    char code[ROVE_INVITATION_SIZE];

    first.user = PHONE_USER;
    first.number = 10;
    first.turned_away = 0;
    assert_int_equal(rove__invitation_format(&invitation, &first.ports.crypto, code), ROVE_OK);
    return rove_enroll(first.replica, PHONE_URL, code, &first.error);
}

/*
 * The disk is full while the device passes on, and then somebody else comes: whoever gives a code gets the device, and no other
 * user's, whatever of the hand-over was done.
 */
static void d11_another_code_is_not_taken_for_the_first_one(void **state) {
    int begun = 0;
    int not_begun = 0;

    for (size_t at = 1;; at += STEP) {
        if (at > 1) {
            set_up(state);
        }
        faults_arm(&faults_io, at, 0, SQLITE_FULL);
        rove_status status = enroll();
        faults_arm(&faults_io, 0, 0, 0);
        if (status == ROVE_OK) {
            break;
        }
        int passed = phone_state(&first).user == OTHER_USER;
        register_device(10, PHONE_USER);
        phone_is(&first, enroll_first_user(), passed ? ROVE_OK : ROVE_EXISTS);
        first.number = passed ? 10 : 7;
        assert_false(exists("identity.next"));
        kill_app();
        assert_int_equal(phone_state(&first).user, PHONE_USER);
        assert_int_equal(phone_state(&first).replica, first.number);
        settle(&first);
        assert_true(same_name(&first, "Canary Ltd") && same_name(&first, "Canary unsent"));
        begun += passed;
        not_begun += !passed;
        tear_down(state);
    }
    assert_true(begun > 0 && not_begun > 0);
}

static void d11_no_memory_at_any_point(void **state) {
    for (size_t at = 1;; at += STEP) {
        if (at > 1) {
            set_up(state);
        }
        first.memory.calls = 0;
        first.memory.fail_at = at;
        rove_status status = enroll();
        int hit = first.memory.calls >= at;
        first.memory.fail_at = 0;
        if (status != ROVE_OK) {
            phone_ok(&first, enroll());
        }
        assert_delivered();
        if (!hit) {
            break;
        }
        tear_down(state);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_device_passes_on),
        TEST(d11_killed_before_the_identity_is_kept),
        TEST(d11_killed_before_the_identity_takes_its_place),
        TEST(d11_killed_before_the_second_file_goes),
        TEST(d11_the_same_code_finishes_it),
        TEST(d11_a_file_left_behind_changes_nothing),
        TEST(d11_an_open_query_holds_it_up),
        TEST(d11_watchers_hear_of_it),
        TEST(d11_a_kill_at_any_write),
        TEST(d11_a_full_disk_at_any_write),
        TEST(d11_another_code_is_not_taken_for_the_first_one),
        TEST(d11_no_memory_at_any_point),
    };

    if (faults_register_vfs() != SQLITE_OK ||
        sqlite3_vfs_register(sqlite3_vfs_find(FAULTS_VFS), 1) != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
