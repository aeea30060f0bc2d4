/*
 * test_hq_enroll_again.c - a device that has a certificate shows it when it enrols: headquarters knows it again, and lets
 * nobody in for it.
 */
#include "handset.h"

typedef struct row_of {
    hq *hq;
    rove_replica replica;
    rove__hq_device device;
} row_of;

static rove_status read_row(void *ctx, rove__hq_tx *tx, rove_error *error) {
    row_of *self = ctx;
    (void)error;
    return hq_database(self->hq)->store.device_get(tx, self->replica, 0, &self->device);
}

static rove__hq_device row(world *w, rove_replica replica) {
    row_of self = {.hq = w->h.hq, .replica = replica};
    assert_int_equal(hq_read(w->h.hq, read_row, &self, NULL), ROVE_OK);
    return self.device;
}

/* And its code is as good as before. */
static void test_a_device_that_is_enrolled_is_told_so(void **state) {
    world *w = *state;
    handset device;
    handset again;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    invite(w);
    w->shown = &device;
    assert_int_equal(enroll(w, &again), ROVE_EXISTS);
    assert_int_equal(w->response.http_status, 403);
    /* The certificate has expired, and could be renewed. */
    w->h.clock.offset_ms = 31 * DAY_MS;
    invite(w);
    assert_int_equal(enroll(w, &again), ROVE_EXISTS);
    w->shown = NULL;
    assert_int_equal(enroll(w, &again), ROVE_OK);
    assert_int_not_equal(again.replica, device.replica);
    assert_int_equal(row(w, again.replica).former, 0);
}

static void test_a_device_that_is_turned_away_goes_on_as_the_one_it_was(void **state) {
    world *w = *state;
    handset device;
    handset next;
    handset again;
    said s;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    /* It was restored from a backup of before its last renewal. */
    assert_int_equal(renew(w, &device, &next, 0, 0), ROVE_OK);
    assert_int_equal(exchange(w, &next), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_UNAUTHORIZED);
    invite(w);
    w->shown = &device;
    assert_int_equal(enroll(w, &again), ROVE_OK);
    assert_int_equal(row(w, again.replica).former, device.replica);
    assert_int_equal(exchange(w, &again), ROVE_OK);
    /* Expired for too long. */
    w->h.clock.offset_ms = 431 * DAY_MS;
    invite(w);
    w->shown = &again;
    assert_int_equal(enroll(w, &next), ROVE_OK);
    assert_int_equal(row(w, next.replica).former, again.replica);
    /* It is one device in the organisation's records, whatever its numbers were. */
    assert_int_equal(headquarters_run(&w->h, &s, "status", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "3 active"));
}

static void test_a_revoked_device_begins_anew(void **state) {
    world *w = *state;
    handset device;
    handset again;
    said s;
    char replica[16];
    assert_int_equal(enroll(w, &device), ROVE_OK);
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)device.replica);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
    invite(w);
    w->shown = &device;
    assert_int_equal(enroll(w, &again), ROVE_OK);
    assert_int_equal(row(w, again.replica).former, 0);
}

/* A certificate opens nothing here: not without a code, and not what another user did (D11). */
static void test_a_device_passes_to_another_user(void **state) {
    world *w = *state;
    handset device;
    handset other;
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    uint8_t wrong[ROVE_CODE_SIZE] = {1};
    assert_int_equal(enroll(w, &device), ROVE_OK);
    rove_id user = headquarters_user_put(&w->h, 0, "kim", 1);
    invite_user(w, "kim");
    w->shown = &device;
    assert_int_equal(get_nonce(w, nonce), ROVE_OK);
    assert_int_equal(enroll_with(w, &other, nonce, wrong), ROVE_CODE);
    assert_int_equal(enroll(w, &other), ROVE_OK);
    assert_int_equal(other.user, user);
    assert_int_equal(row(w, other.replica).former, 0);
    assert_int_equal(exchange(w, &other), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_device_that_is_enrolled_is_told_so),
        TEST(test_a_device_that_is_turned_away_goes_on_as_the_one_it_was),
        TEST(test_a_revoked_device_begins_anew),
        TEST(test_a_device_passes_to_another_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
