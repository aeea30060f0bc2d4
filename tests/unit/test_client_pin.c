/*
 * test_client_pin.c - wrong PINs as an app has them: after some, opening and unlocking wait, whatever somebody does to the process,
 * to the clocks and to the file that counts; a right one ends it, and nothing is ever lost.
 */
#include <pthread.h>

#include "phone.h"
#include "rove/inspect.h"
#include "rules/pin.h"
#include "store/internal.h"

#define MINUTE INT64_C(60000)

static phone p;
static rove_files real;
static rove_status replacing; /* what replacing a file says, OK: it is done */

static rove_status replace(void *ctx, const char *path, const void *bytes, size_t size,
                           rove_error *error) {
    return replacing == ROVE_OK ? real.replace(ctx, path, bytes, size, error)
                                : rove__error_set(error, replacing, "It cannot be written.");
}

/* One that costs little to try, for it is tried often here. */
static void set_cheap_pin(void) {
    const rove__key_ports ports = {&p.ports.crypto, &p.ports.random, &p.ports.files};
    const rove__key_secrets secrets = {p.keys.secret, "4711", 4};
    const rove__pin_cost cost = {64, 1};
    rove__store *store = p.replica->store;

    phone_ok(&p, rove__key_file_write(&ports, store->key_path, &store->vault.data, &secrets, &cost,
                                      &p.error));
}

static int set_up(void **state) {
    (void)state;
    phone_prepare(&p, "client_pin");
    p.ports.keyring = keyring_with(&p.keys, 0x31);
    real = p.ports.files;
    p.ports.files.replace = replace;
    replacing = ROVE_OK;
    phone_open(&p);
    phone_enroll(&p);
    (void)phone_account(&p, "Ajax");
    set_cheap_pin();
    phone_close(&p);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    p.keys.pin = "4711";
    p.now.boot_ms += 2 * ROVE_PIN_WAIT_MAX_MS;
    phone_stop(&p);
    return 0;
}

static const char *tries_path(void) {
    static char path[128];

    snprintf(path, sizeof path, "%s/core.key.tries", p.folder);
    return path;
}

/* One more try of a PIN. */
static rove_status opens(const char *pin) {
    p.keys.pin = pin;
    rove_status status = rove_open(&p.ports, p.folder, &p.replica, &p.error);
    assert_true((p.replica != NULL) == (status == ROVE_OK));
    return status;
}

/* As many as are free, and more while the wait is waited for. */
static void tries_wrong(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        p.now.boot_ms += ROVE_PIN_WAIT_MAX_MS;
        phone_is(&p, opens("0000"), ROVE_WRONG_KEY);
    }
}

static void is_to_wait(int seconds) {
    int asked = p.keys.asked;

    phone_is(&p, opens("4711"), ROVE_LATER); /* not even the right one */
    assert_int_equal(p.error.domain, ROVE_DOMAIN_WAIT);
    assert_int_equal(p.error.code, seconds);
    assert_int_equal(p.keys.asked, asked); /* nobody is asked for it in vain */
}

static void has_its_work(void) {
    assert_int_equal(phone_state(&p).pending, 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'Ajax'"), 1);
}

static void wrong_pins_make_for_ever_longer_waits(void **state) {
    (void)state;
    for (int i = 1; i < ROVE_PIN_FREE_TRIES; i++) {
        phone_is(&p, opens("0000"), ROVE_WRONG_KEY);
        assert_int_equal(p.error.domain, ROVE_DOMAIN_ROVE);
    }
    phone_is(&p, opens("0000"), ROVE_WRONG_KEY);
    assert_int_equal(p.error.domain, ROVE_DOMAIN_WAIT);
    assert_int_equal(p.error.code, 30);
    assert_non_null(strstr(p.error.message, "30 seconds"));
    is_to_wait(30);
    assert_non_null(strstr(p.error.message, "30 seconds"));
    p.now.boot_ms += 29001;
    is_to_wait(1);
    assert_non_null(strstr(p.error.message, "1 second;"));
    p.now.boot_ms += 999;
    phone_is(&p, opens("0000"), ROVE_WRONG_KEY);
    is_to_wait(60);
    tries_wrong(2);
    is_to_wait(240);
    assert_non_null(strstr(p.error.message, "4 minutes"));
    p.now.boot_ms += 4 * MINUTE;
    phone_ok(&p, opens("4711"));
    has_its_work();
    phone_close(&p);

    /* A right one has ended it. */
    assert_int_equal(access(tries_path(), F_OK), -1);
    phone_is(&p, opens("0000"), ROVE_WRONG_KEY);
    phone_ok(&p, opens("4711"));
}

static void neither_clocks_nor_restarts_shorten_the_wait(void **state) {
    (void)state;
    tries_wrong(ROVE_PIN_FREE_TRIES + 2);
    p.now.wall_ms += 365 * PHONE_DAY_MS;
    is_to_wait(120);
    p.now.wall_ms -= 2 * 365 * PHONE_DAY_MS;
    is_to_wait(120);
    p.now.boot_ms += MINUTE;
    is_to_wait(60);
    p.now.boot_id[0]++; /* the battery was out */
    p.now.boot_ms = 0;
    is_to_wait(120);
    p.now.boot_ms = 2 * MINUTE;
    phone_ok(&p, opens("4711"));
    has_its_work();
}

/* Before it is tried: killed in the middle of it, the try counts. */
static uint32_t counted(void) {
    uint8_t bytes[68] = {0};
    FILE *file = fopen(tries_path(), "rb");

    if (file == NULL) {
        return 0;
    }
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    (void)fclose(file);
    return rove__u32_get(bytes + 8);
}

static uint32_t seen;

static rove_status spy_open(void *ctx, const uint8_t key[ROVE_GCM_KEY_SIZE],
                            const uint8_t nonce[ROVE_GCM_NONCE_SIZE], const void *aad,
                            size_t aad_size, const void *in, size_t size,
                            const uint8_t tag[ROVE_GCM_TAG_SIZE], void *out) {
    (void)ctx;
    (void)key;
    (void)nonce;
    (void)aad;
    (void)aad_size;
    (void)in;
    (void)size;
    (void)tag;
    (void)out;
    seen = counted(); /* what a killed process leaves behind */
    return ROVE_NOMEM;
}

static void a_try_counts_before_it_is_known_what_comes_of_it(void **state) {
    rove_crypto whole = p.ports.crypto;
    (void)state;

    tries_wrong(2);
    p.ports.crypto.gcm_open = spy_open;
    phone_is(&p, opens("4711"), ROVE_NOMEM);
    assert_int_equal(seen, 3);
    assert_int_equal(counted(), 2); /* it was none: there was no memory for it */
    p.ports.crypto = whole;
    phone_ok(&p, opens("4711"));
    assert_int_equal(counted(), 0);
}

static void what_cannot_be_counted_is_not_tried(void **state) {
    (void)state;
    replacing = ROVE_FULL;
    phone_is(&p, opens("4711"), ROVE_FULL);
    replacing = ROVE_OK;
    phone_ok(&p, opens("4711"));
}

static void giving_up_costs_no_try(void **state) {
    (void)state;
    for (int i = 0; i < 2 * ROVE_PIN_FREE_TRIES; i++) {
        phone_is(&p, opens(NULL), ROVE_CANCELLED);
    }
    assert_int_equal(counted(), 0);
    phone_ok(&p, opens("4711"));
}

static void unlocking_and_looking_count_as_well(void **state) {
    rove_inspection found = {.size = sizeof found};
    (void)state;

    phone_ok(&p, opens("4711"));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    p.keys.pin = "0000";
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
    phone_close(&p);
    for (int i = 2; i < ROVE_PIN_FREE_TRIES; i++) {
        assert_int_equal(rove_inspect(&p.ports, p.folder, 0, &found), ROVE_OK);
        assert_int_equal(found.database, ROVE_WRONG_KEY);
    }
    assert_int_equal(rove_inspect(&p.ports, p.folder, 0, &found), ROVE_OK);
    assert_int_equal(found.database, ROVE_LATER);
    is_to_wait(30);
    p.now.boot_ms += MINUTE;
    phone_ok(&p, opens("4711"));
    has_its_work();
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_ok(&p, rove_unlock(p.replica, &p.error));
}

/* Else each sync would try the PIN that was wrong, and nobody could come between with the right one. */
static void after_a_wrong_one_no_sync_tries_another(void **state) {
    (void)state;

    phone_ok(&p, opens("4711"));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    p.keys.pin = "0000";
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
    int asked = p.keys.asked;
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    assert_int_equal(p.keys.asked, asked);
    assert_int_equal(counted(), 1);
    p.keys.pin = "4711";
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED); /* by its rep */
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
}

static void a_spoiled_count_makes_for_the_longest_wait_and_no_more(void **state) {
    uint8_t bytes[68];
    (void)state;

    tries_wrong(1);
    FILE *file = fopen(tries_path(), "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_int_equal(size, sizeof bytes);
    for (size_t at = 0; at <= sizeof bytes; at += at < 64 ? 9 : 1) {
        file = fopen(tries_path(), "wb");
        assert_non_null(file);
        bytes[at % 68] ^= 4;
        assert_int_equal(fwrite(bytes, 1, at, file), at);
        assert_int_equal(fwrite(bytes + at, 1, sizeof bytes - at, file), sizeof bytes - at);
        (void)fclose(file);
        bytes[at % 68] ^= 4;
        is_to_wait(3600);
        is_to_wait(3600); /* from then on, and not from each opening on */
        p.now.boot_ms += ROVE_PIN_WAIT_MAX_MS - 1000;
        is_to_wait(1);
        p.now.boot_ms += 1000;
    }
    phone_ok(&p, opens("4711"));
    has_its_work();
}

/* ---- while the rep is asked ------------------------------------------------------------------------------- */

static void *read_state(void *ctx) {
    rove_state *state = ctx;
    rove_error error = {.message = ""};

    return (void *)(intptr_t)rove_read_state(p.replica, state, &error);
}

static void *lock(void *ctx) {
    (void)ctx;
    return (void *)(intptr_t)rove_lock(p.replica, NULL);
}

static void *(*meanwhile)(void *ctx);
static rove_state shown;
static rove_status meanwhile_status;

/* An app asks on its own thread, which does something else first. */
static rove_status pin_of_app(void *ctx, char *pin, size_t capacity, size_t *size,
                              rove_error *error) {
    pthread_t thread;
    void *status = NULL;

    shown = (rove_state){.size = sizeof shown};
    assert_int_equal(pthread_create(&thread, NULL, meanwhile, &shown), 0);
    assert_int_equal(pthread_join(thread, &status), 0);
    meanwhile_status = (rove_status)(intptr_t)status;
    return keyring_pin(ctx, pin, capacity, size, error);
}

static void open_as_app(void) {
    phone_ok(&p, opens("4711"));
    p.replica->ports.keyring.pin = pin_of_app;
    meanwhile_status = ROVE_NOMEM;
}

static void the_state_can_be_read_while_the_rep_is_asked(void **state) {
    (void)state;
    open_as_app();
    meanwhile = read_state;
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    assert_int_equal(meanwhile_status, ROVE_OK);
    assert_int_equal(shown.locked, 1);
    meanwhile_status = ROVE_NOMEM;
    phone_ok(&p, rove_replace_key(p.replica, &p.error));
    assert_int_equal(meanwhile_status, ROVE_OK);
    assert_int_equal(shown.locked, 0);
    has_its_work();
}

static void it_can_be_locked_while_the_rep_is_asked_and_stays_locked(void **state) {
    (void)state;
    open_as_app();
    meanwhile = lock;
    phone_is(&p, rove_replace_key(p.replica, &p.error), ROVE_LOCKED);
    assert_int_equal(meanwhile_status, ROVE_OK);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    assert_true(phone_state(&p).locked);
    p.replica->ports.keyring.pin = keyring_pin;
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    has_its_work();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_pins_make_for_ever_longer_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(neither_clocks_nor_restarts_shorten_the_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_try_counts_before_it_is_known_what_comes_of_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_counted_is_not_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(giving_up_costs_no_try, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unlocking_and_looking_count_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_wrong_one_no_sync_tries_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_spoiled_count_makes_for_the_longest_wait_and_no_more,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_state_can_be_read_while_the_rep_is_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(it_can_be_locked_while_the_rep_is_asked_and_stays_locked,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
